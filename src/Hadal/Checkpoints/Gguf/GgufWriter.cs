using System.Text;

namespace Hadal.Checkpoints.Gguf;

/// <summary>A tensor that is to be written.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">How its elements are stored.</param>
/// <param name="Dimensions">Its dimensions, the fastest first.</param>
public sealed record GgufTensorSpec(string Name, GgmlType Type, params IReadOnlyList<long> Dimensions)
{
    /// <summary>Product of the dimensions.</summary>
    public long ElementCount => Dimensions.Aggregate(1L, (product, dimension) => checked(product * dimension));

    /// <summary>Bytes of all elements.</summary>
    public long ByteLength => Dimensions.Skip(1).Aggregate(Type.RowBytes(Dimensions.Count == 0 ? 1 : Dimensions[0]), (bytes, d) => checked(bytes * d));
}

/// <summary>
/// Writes .gguf files (version 3, little-endian), tensor by tensor and atomically: the head needs only types and shapes, so no more than
/// a piece of one tensor is ever in memory.
/// </summary>
public static class GgufWriter
{
    private const uint Version = 3;
    private const int LongestName = 63; // ggml's own limit, without the final zero

    private static readonly Type[] s_types =
    [
        typeof(byte), typeof(sbyte), typeof(ushort), typeof(short), typeof(uint), typeof(int), typeof(float), typeof(bool), typeof(string), typeof(Array),
        typeof(ulong), typeof(long), typeof(double),
    ];

    /// <summary>Writes one file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="keys">Keys and values: numbers, bool, string, and arrays of numbers or of strings.</param>
    /// <param name="tensors">The tensors in their order.</param>
    /// <param name="writeTensor">Writes a tensor's bytes to the stream; called once for each tensor, in order.</param>
    /// <exception cref="CheckpointException">The file could not be written; an older one is untouched.</exception>
    /// <exception cref="ArgumentException">Two tensors have one name, a name is too long, or a value is of a type that GGUF lacks.</exception>
    /// <exception cref="InvalidOperationException">The callback wrote more or fewer bytes than the tensor takes.</exception>
    public static void Write(
        string path, IReadOnlyCollection<KeyValuePair<string, object>> keys, IReadOnlyList<GgufTensorSpec> tensors, Action<GgufTensorSpec, Stream> writeTensor)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentNullException.ThrowIfNull(writeTensor);
        byte[] head = Head(keys, tensors);
        using AtomicFile file = new(path);
        try
        {
            file.Stream.Write(head);
            foreach (GgufTensorSpec tensor in tensors)
            {
                using TensorStream stream = new(path, file.Stream, tensor.Name, tensor.ByteLength);
                writeTensor(tensor, stream);
                stream.RequireComplete();
                file.Stream.Write(new byte[Padding(tensor.ByteLength)]);
            }
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(path, "written", e);
        }

        file.Commit();
    }

    private static byte[] Head(IReadOnlyCollection<KeyValuePair<string, object>> keys, IReadOnlyList<GgufTensorSpec> tensors)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write(GgufMetadata.Magic);
        writer.Write(Version);
        writer.Write((ulong)tensors.Count);
        writer.Write((ulong)keys.Count);
        foreach ((string key, object value) in keys)
        {
            Text(writer, key);
            writer.Write(TypeNumber(value));
            Value(writer, value);
        }

        HashSet<string> names = [];
        long offset = 0;
        foreach (GgufTensorSpec tensor in tensors)
        {
            if (!names.Add(tensor.Name)) throw new ArgumentException($"tensor '{tensor.Name}' is given twice", nameof(tensors));
            if (Encoding.UTF8.GetByteCount(tensor.Name) > LongestName)
            {
                throw new ArgumentException($"'{tensor.Name}' is longer than {LongestName} bytes", nameof(tensors));
            }

            Text(writer, tensor.Name);
            writer.Write(tensor.Dimensions.Count);
            foreach (long dimension in tensor.Dimensions) writer.Write((ulong)dimension);
            writer.Write((uint)tensor.Type);
            writer.Write((ulong)offset);
            offset += tensor.ByteLength + Padding(tensor.ByteLength);
        }

        writer.Write(new byte[Padding(stream.Length)]);
        return stream.ToArray();
    }

    private static long Padding(long length) => (GgufMetadata.DefaultAlignment - length % GgufMetadata.DefaultAlignment) % GgufMetadata.DefaultAlignment;

    private static uint TypeNumber(object value)
    {
        int number = Array.IndexOf(s_types, value is Array ? typeof(Array) : value.GetType());
        return number >= 0 ? (uint)number : throw new ArgumentException($"GGUF has no values of type {value.GetType()}", nameof(value));
    }

    private static void Value(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case byte number: writer.Write(number); break;
            case sbyte number: writer.Write(number); break;
            case ushort number: writer.Write(number); break;
            case short number: writer.Write(number); break;
            case uint number: writer.Write(number); break;
            case int number: writer.Write(number); break;
            case float number: writer.Write(number); break;
            case ulong number: writer.Write(number); break;
            case long number: writer.Write(number); break;
            case double number: writer.Write(number); break;
            case bool flag: writer.Write(flag); break;
            case string text: Text(writer, text); break;
            case Array list:
                int type = Array.IndexOf(s_types, value.GetType().GetElementType());
                if (type < 0) throw new ArgumentException($"GGUF has no lists of type {value.GetType()}", nameof(value));
                writer.Write((uint)type);
                writer.Write((ulong)list.Length);
                foreach (object item in list) Value(writer, item);
                break;
            default: throw new ArgumentException($"GGUF has no values of type {value.GetType()}", nameof(value));
        }
    }

    private static void Text(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }
}
