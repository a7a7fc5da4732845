using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Safetensors;

/// <summary>
/// Writes safetensors files tensor by tensor: the header needs only types and shapes, so no more than one piece of one tensor is ever in
/// memory. Tensors lie in the order of the format's reference implementation, large element types first and then by name, and the header
/// is filled up with spaces to a multiple of 8 bytes, so that every tensor is aligned in a mapped file.
/// </summary>
public static class SafetensorsWriter
{
    /// <summary>The metadata that other loaders expect: <c>format</c> is <c>pt</c>.</summary>
    public static readonly IReadOnlyDictionary<string, string> DefaultMetadata = new Dictionary<string, string> { ["format"] = "pt" };

    private const int HeaderAlignment = 8;

    // Names may hold any character, and no web page will ever show this JSON.
    private static readonly JsonWriterOptions s_compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonWriterOptions s_indented = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, Indented = true };

    /// <summary>Writes one file, atomically.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">The tensors, in any order.</param>
    /// <param name="writeTensor">Writes a tensor's bytes to the stream; called once for each tensor, in the order of the file.</param>
    /// <param name="metadata">The <c>__metadata__</c>; null takes <see cref="DefaultMetadata"/>, an empty one writes none.</param>
    /// <exception cref="CheckpointException">The file could not be written; an older one is untouched.</exception>
    /// <exception cref="ArgumentException">Two tensors have one name.</exception>
    /// <exception cref="InvalidOperationException">The callback wrote more or fewer bytes than the tensor takes.</exception>
    public static void Write(
        string path, IReadOnlyList<SafetensorsTensorSpec> tensors, Action<SafetensorsTensorSpec, Stream> writeTensor,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentNullException.ThrowIfNull(writeTensor);
        RequireDistinctNames(tensors);
        using AtomicFile file = new(path);
        WriteContent(file, tensors, writeTensor, metadata ?? DefaultMetadata);
        file.Commit();
    }

    /// <summary>
    /// Writes a checkpoint folder in shards of at most <paramref name="maxShardBytes"/> of data: <c>model-00001-of-0000N.safetensors</c>
    /// and so on with <c>model.safetensors.index.json</c>, or <c>model.safetensors</c> alone if all fits. Tensors go into shards in the
    /// order given; one that is larger than a shard gets its own.
    /// </summary>
    /// <remarks>
    /// Files get their names only after all are safely on the disk, the index last. Files have to be renamed one by one, so a new
    /// checkpoint over one of the same number of shards is best written into another folder.
    /// </remarks>
    /// <exception cref="CheckpointException">A file could not be written.</exception>
    /// <exception cref="ArgumentException">Two tensors have one name.</exception>
    /// <exception cref="InvalidOperationException">The callback wrote more or fewer bytes than the tensor takes.</exception>
    public static void WriteSharded(
        string folder, IReadOnlyList<SafetensorsTensorSpec> tensors, long maxShardBytes,
        Action<SafetensorsTensorSpec, Stream> writeTensor, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentNullException.ThrowIfNull(writeTensor);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxShardBytes);
        RequireDistinctNames(tensors);
        List<List<SafetensorsTensorSpec>> shards = Divide(tensors, maxShardBytes);
        string single = Path.Combine(folder, SafetensorsCheckpoint.SingleFileName);
        if (shards.Count <= 1)
        {
            Write(single, tensors, writeTensor, metadata);
            return;
        }

        List<AtomicFile> files = [];
        try
        {
            for (int i = 0; i < shards.Count; i++)
            {
                AtomicFile file = new(Path.Combine(folder, ShardName(i, shards.Count)));
                files.Add(file);
                WriteContent(file, shards[i], writeTensor, metadata ?? DefaultMetadata);
                file.Seal();
            }

            foreach (AtomicFile file in files) file.Commit();
            AtomicFile.Write(Path.Combine(folder, SafetensorsCheckpoint.IndexFileName), BuildIndex(shards));
        }
        finally
        {
            foreach (AtomicFile file in files) file.Dispose();
        }

        // Loaders prefer the single file: an older one would hide the shards.
        try
        {
            File.Delete(single);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(single, "deleted in favour of the shards", e);
        }
    }

    /// <summary>Writes F32 values as elements of a float type, for use in a callback.</summary>
    /// <exception cref="ArgumentException">The type is no float format.</exception>
    public static void WriteSingle(Stream stream, ElementType type, ReadOnlySpan<float> values)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Span<byte> bytes = stackalloc byte[8192];
        int size = type.SizeInBytes();
        while (!values.IsEmpty)
        {
            int count = Math.Min(values.Length, bytes.Length / size);
            ElementConversion.FromSingle(type, values[..count], bytes[..(count * size)]);
            stream.Write(bytes[..(count * size)]);
            values = values[count..];
        }
    }

    private static void WriteContent(
        AtomicFile file, IReadOnlyList<SafetensorsTensorSpec> tensors, Action<SafetensorsTensorSpec, Stream> writeTensor,
        IReadOnlyDictionary<string, string> metadata)
    {
        SafetensorsTensorSpec[] ordered = [.. tensors];
        Array.Sort(ordered, static (a, b) =>
        {
            int byType = SafetensorsDtype.Rank(b.ElementType).CompareTo(SafetensorsDtype.Rank(a.ElementType));
            return byType != 0 ? byType : string.CompareOrdinal(a.Name, b.Name);
        });
        byte[] header = BuildHeader(file.Path, ordered, metadata);
        try
        {
            Span<byte> length = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            file.Stream.Write(length);
            file.Stream.Write(header);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(file.Path, "written", e);
        }

        foreach (SafetensorsTensorSpec tensor in ordered)
        {
            using TensorStream stream = new(file.Path, file.Stream, tensor.Name, tensor.ByteLength);
            writeTensor(tensor, stream);
            stream.RequireComplete();
        }
    }

    private static byte[] BuildHeader(
        string path, IReadOnlyList<SafetensorsTensorSpec> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using MemoryStream text = new();
        using (Utf8JsonWriter json = new(text, s_compact))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }

            long begin = 0;
            foreach (SafetensorsTensorSpec tensor in tensors)
            {
                long end = checked(begin + tensor.ByteLength);
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", SafetensorsDtype.Name(tensor.ElementType));
                json.WriteStartArray("shape");
                foreach (long dimension in tensor.Shape) json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(begin);
                json.WriteNumberValue(end);
                json.WriteEndArray();
                json.WriteEndObject();
                begin = end;
            }

            json.WriteEndObject();
        }

        while (text.Length % HeaderAlignment != 0) text.WriteByte((byte)' ');
        if (text.Length > SafetensorsFile.MaxHeaderLength)
        {
            throw new CheckpointException(
                path,
                $"its header would take {text.Length} bytes, expected at most {SafetensorsFile.MaxHeaderLength}, so it needs more shards");
        }

        return text.ToArray();
    }

    private static List<List<SafetensorsTensorSpec>> Divide(IReadOnlyList<SafetensorsTensorSpec> tensors, long maxShardBytes)
    {
        List<List<SafetensorsTensorSpec>> shards = [];
        long room = 0;
        foreach (SafetensorsTensorSpec tensor in tensors)
        {
            if (shards.Count == 0 || tensor.ByteLength > room)
            {
                shards.Add([]);
                room = maxShardBytes;
            }

            shards[^1].Add(tensor);
            room -= tensor.ByteLength;
        }

        return shards;
    }

    private static string ShardName(int shard, int count) => $"model-{shard + 1:d5}-of-{count:d5}.safetensors";

    private static byte[] BuildIndex(List<List<SafetensorsTensorSpec>> shards)
    {
        using MemoryStream text = new();
        using (Utf8JsonWriter json = new(text, s_indented))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_size", shards.Sum(shard => shard.Sum(tensor => tensor.ByteLength)));
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            for (int i = 0; i < shards.Count; i++)
            {
                foreach (SafetensorsTensorSpec tensor in shards[i]) json.WriteString(tensor.Name, ShardName(i, shards.Count));
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return text.ToArray();
    }

    private static void RequireDistinctNames(IReadOnlyList<SafetensorsTensorSpec> tensors)
    {
        HashSet<string> names = [];
        foreach (SafetensorsTensorSpec tensor in tensors)
        {
            if (!names.Add(tensor.Name)) throw new ArgumentException($"tensor '{tensor.Name}' is given twice", nameof(tensors));
        }
    }
}
