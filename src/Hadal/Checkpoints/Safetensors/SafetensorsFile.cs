using System.Buffers.Binary;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Safetensors;

/// <summary>
/// One .safetensors file, mapped: 8 bytes of header length (little-endian), the header in JSON, the tensors' bytes. Opening it checks
/// the whole header and touches no tensor; memory taken is in proportion to the header, whatever numbers the header claims.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    /// <summary>The longest header that is read; the format's own limit.</summary>
    public const long MaxHeaderLength = 100_000_000;

    private const int LengthBytes = 8;

    // Elements converted at a time: a destination may take more bytes in the file than an int counts.
    private const int ConversionChunk = 1 << 20;

    private readonly MappedFile _file;
    private readonly long _dataStart;
    private readonly OrderedDictionary<string, SafetensorsEntry> _tensors = [];
    private readonly OrderedDictionary<string, string> _metadata = [];

    private SafetensorsFile(MappedFile file)
    {
        _file = file;
        if (file.Length < LengthBytes)
        {
            throw new CheckpointException(
                Path, $"the file has {file.Length} bytes, expected {LengthBytes} or more for the header's length");
        }

        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(file.Slice(0, LengthBytes));
        if (headerLength > MaxHeaderLength)
        {
            throw new CheckpointException(Path, $"the header's length is {headerLength}, expected at most {MaxHeaderLength}");
        }

        if ((long)headerLength > file.Length - LengthBytes)
        {
            throw new CheckpointException(
                Path, $"the header's length is {headerLength}, expected at most the {file.Length - LengthBytes} bytes that follow");
        }

        _dataStart = LengthBytes + (long)headerLength;
        SafetensorsHeader.Parse(
            Path, file.Slice(LengthBytes, (int)headerLength), file.Length - _dataStart, _tensors, _metadata);
    }

    /// <summary>The file's path, as given.</summary>
    public string Path => _file.Path;

    /// <summary>The tensors by name, in the header's order.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Tensors => _tensors;

    /// <summary>The free text of <c>__metadata__</c>; empty if there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>Maps a file and checks its header.</summary>
    /// <exception cref="CheckpointException">The file can't be read, or its header breaks a rule of the format.</exception>
    public static SafetensorsFile Open(string path)
    {
        MappedFile file;
        try
        {
            file = new MappedFile(path);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(path, "opened", e);
        }

        try
        {
            return new SafetensorsFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The entry of a tensor.</summary>
    /// <exception cref="CheckpointException">The file has no such tensor.</exception>
    public SafetensorsEntry Entry(string name) => _tensors.TryGetValue(name, out SafetensorsEntry? entry)
        ? entry
        : throw new CheckpointException(Path, $"there is no tensor {CheckpointException.Quote(name)}");

    /// <summary>Bytes of a tensor, in the map: they must not be used after the file was disposed.</summary>
    /// <param name="entry">A tensor of this file.</param>
    /// <param name="offset">First byte, counted from the tensor's begin.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ArgumentException">The entry is another file's.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    public ReadOnlySpan<byte> ReadBytes(SafetensorsEntry entry, long offset, int length)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (!_tensors.TryGetValue(entry.Name, out SafetensorsEntry? own) || !ReferenceEquals(own, entry))
        {
            throw new ArgumentException($"tensor '{entry.Name}' is not an entry of {Path}", nameof(entry));
        }

        if (offset < 0 || length < 0 || offset > entry.ByteLength - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), $"{length} bytes at {offset} leave tensor '{entry.Name}' of {entry.ByteLength} bytes");
        }

        return _file.Slice(_dataStart + entry.Begin + offset, length);
    }

    /// <summary>Bytes of a tensor by name, see <see cref="ReadBytes(SafetensorsEntry, long, int)"/>.</summary>
    /// <exception cref="CheckpointException">The file has no such tensor.</exception>
    public ReadOnlySpan<byte> ReadBytes(string name, long offset, int length) => ReadBytes(Entry(name), offset, length);

    /// <summary>Elements of a tensor of any float type, converted to F32.</summary>
    /// <param name="entry">A tensor of this file.</param>
    /// <param name="elementOffset">Index of the first element, in row-major order.</param>
    /// <param name="destination">Takes as many elements as it is long.</param>
    /// <exception cref="CheckpointException">The tensor's type is no float format.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    public void ReadSingle(SafetensorsEntry entry, long elementOffset, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (!ElementConversion.IsSupported(entry.ElementType))
        {
            throw new CheckpointException(
                Path,
                $"tensor {CheckpointException.Quote(entry.Name)} is {SafetensorsDtype.Name(entry.ElementType)}, expected a float type");
        }

        if (elementOffset < 0 || elementOffset > entry.ElementCount - destination.Length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(elementOffset),
                $"{destination.Length} elements at {elementOffset} leave tensor '{entry.Name}' of {entry.ElementCount} elements");
        }

        int size = entry.ElementType.SizeInBytes();
        for (int start = 0; start < destination.Length; start += ConversionChunk)
        {
            Span<float> part = destination.Slice(start, Math.Min(ConversionChunk, destination.Length - start));
            ElementConversion.ToSingle(
                entry.ElementType, ReadBytes(entry, (elementOffset + start) * size, part.Length * size), part);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
