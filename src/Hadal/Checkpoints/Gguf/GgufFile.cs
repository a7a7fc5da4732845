using Hadal.Numerics;

namespace Hadal.Checkpoints.Gguf;

/// <summary>
/// One .gguf file, mapped: its head, and the bytes of its tensors. Opening it checks that every tensor lies in the file on its boundary
/// and that no two overlap; memory taken is in proportion to the head, whatever numbers it claims.
/// </summary>
public sealed class GgufFile : IDisposable
{
    private readonly MappedFile _file;
    private readonly OrderedDictionary<string, GgufTensor> _tensors = [];

    private GgufFile(MappedFile file, GgufMetadata metadata)
    {
        _file = file;
        Metadata = metadata;
        foreach (GgufTensor tensor in metadata.Tensors)
        {
            CheckPlace(tensor);
            if (!_tensors.TryAdd(tensor.Name, tensor)) throw Problem($"tensor {CheckpointException.Quote(tensor.Name)} is there twice");
        }

        CheckOverlap();
    }

    /// <summary>The file's path, as given.</summary>
    public string Path => _file.Path;

    /// <summary>Keys and values.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>The tensors by name, in the order of the file.</summary>
    public IReadOnlyDictionary<string, GgufTensor> Tensors => _tensors;

    /// <summary>Whether a path names a .gguf file rather than a folder.</summary>
    public static bool IsGguf(string path) =>
        System.IO.Path.GetExtension(path).Equals(".gguf", StringComparison.OrdinalIgnoreCase) && !Directory.Exists(path);

    /// <summary>Maps a file and checks its head.</summary>
    /// <exception cref="CheckpointException">The file can't be read, breaks a rule of the format or has tensors of a type not known here.</exception>
    public static GgufFile Open(string path)
    {
        GgufMetadata metadata = GgufMetadata.Read(path);
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
            return new GgufFile(file, metadata);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of a tensor, in the map: they must not be used after the file was disposed.</summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="offset">First byte, counted from the tensor's begin.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ArgumentException">The tensor is another file's.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    public ReadOnlySpan<byte> ReadBytes(GgufTensor tensor, long offset, int length)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (!_tensors.TryGetValue(tensor.Name, out GgufTensor? own) || !ReferenceEquals(own, tensor))
        {
            throw new ArgumentException($"tensor '{tensor.Name}' is not one of {Path}", nameof(tensor));
        }

        if (offset < 0 || length < 0 || offset > tensor.ByteLength - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), $"{length} bytes at {offset} leave tensor '{tensor.Name}' of {tensor.ByteLength} bytes");
        }

        return _file.Slice(Metadata.DataStart + tensor.Offset + offset, length);
    }

    /// <summary>Rows of a tensor as F32.</summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="first">First row, all slower dimensions counted as one.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="destination">[count, row length].</param>
    public void ReadRows(GgufTensor tensor, long first, int count, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        int bytes = checked((int)tensor.Type.RowBytes(tensor.RowLength)), columns = checked((int)tensor.RowLength);
        for (int row = 0; row < count; row++)
        {
            GgmlBlocks.ToSingle(tensor.Type, ReadBytes(tensor, (first + row) * bytes, bytes), destination.Slice(row * columns, columns));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void CheckPlace(GgufTensor tensor)
    {
        string name = CheckpointException.Quote(tensor.Name);
        if (!tensor.Type.IsKnown()) throw Problem($"tensor {name} has type {(uint)tensor.Type} of ggml, expected one of {GgmlTypes.Known}");
        if (tensor.RowLength % tensor.Type.BlockLength() != 0)
        {
            throw Problem($"tensor {name} is {tensor.Type} with rows of {tensor.RowLength}, expected a multiple of {tensor.Type.BlockLength()}");
        }

        if (tensor.Offset % Metadata.Alignment != 0)
        {
            throw Problem($"tensor {name} lies at {tensor.Offset}, expected a multiple of {Metadata.Alignment}");
        }

        Int128 bytes = (Int128)tensor.ElementCount / tensor.Type.BlockLength() * tensor.Type.BlockBytes();
        Int128 left = (Int128)_file.Length - Metadata.DataStart - tensor.Offset;
        if (bytes > left) throw Problem($"tensor {name} takes {bytes} bytes, but behind its offset the file has {(left < 0 ? 0 : left)}");
    }

    private void CheckOverlap()
    {
        GgufTensor? before = null;
        foreach (GgufTensor tensor in _tensors.Values.Where(tensor => tensor.ElementCount > 0).OrderBy(tensor => tensor.Offset))
        {
            if (before is not null && before.Offset + before.ByteLength > tensor.Offset)
            {
                throw Problem($"tensors {CheckpointException.Quote(before.Name)} and {CheckpointException.Quote(tensor.Name)} overlap");
            }

            before = tensor;
        }
    }

    private CheckpointException Problem(string problem) => new(Path, problem);
}
