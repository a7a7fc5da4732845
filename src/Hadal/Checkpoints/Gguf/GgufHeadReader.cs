using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;

namespace Hadal.Checkpoints.Gguf;

/// <summary>Takes the numbers, strings and lists of GGUF from a stream, and never more than the file has.</summary>
internal sealed class GgufHeadReader(string path, Stream stream)
{
    /// <summary>A key of no letters, its type and a byte.</summary>
    public const int LeastPairBytes = 8 + 4 + 1;

    /// <summary>A name of no letters, number of dimensions, type, offset.</summary>
    public const int LeastTensorBytes = 8 + 4 + 4 + 8;

    private const int MostDimensions = 4;

    private readonly long _length = stream.Length;

    /// <summary>How much was read.</summary>
    public long Position { get; private set; }

    private long Left => _length - Position;

    /// <summary>A complaint about the file.</summary>
    public CheckpointException Problem(string problem) => new(path, problem);

    /// <summary>One number.</summary>
    public T Number<T>(string place)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        Span<byte> bytes = stackalloc byte[Marshal.SizeOf<T>()];
        Fill(bytes, place);
        return T.ReadLittleEndian(bytes, isUnsigned: T.IsZero(T.MinValue));
    }

    /// <summary>How many things follow, each of which takes some bytes at least.</summary>
    public long Count(string place, int leastBytes)
    {
        ulong count = Number<ulong>(place);
        if (count > (ulong)(Left / leastBytes)) throw Problem($"{place} says {count}, but only {Left} bytes are left");
        return (long)count;
    }

    /// <summary>A string.</summary>
    public string Text(string place)
    {
        byte[] bytes = new byte[Length(place, 1)];
        Fill(bytes, place);
        try
        {
            return s_strict.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new CheckpointException(path, $"{Quoted(place)} is not valid UTF-8", e);
        }
    }

    /// <summary>A value of a type, a list included.</summary>
    public object Value(string place, uint type) => type switch
    {
        0 => Number<byte>(place),
        1 => Number<sbyte>(place),
        2 => Number<ushort>(place),
        3 => Number<short>(place),
        4 => Number<uint>(place),
        5 => Number<int>(place),
        6 => BitConverter.Int32BitsToSingle(Number<int>(place)),
        7 => Number<byte>(place) switch
        {
            0 => false,
            1 => true,
            byte other => throw Problem($"{Quoted(place)} is {other}, expected 0 or 1 for true or false"),
        },
        8 => Text(place),
        9 => List(place),
        10 => Number<ulong>(place),
        11 => Number<long>(place),
        12 => BitConverter.Int64BitsToDouble(Number<long>(place)),
        _ => throw Problem($"{Quoted(place)} has type {type}, expected one from 0 to 12"),
    };

    /// <summary>A tensor's description.</summary>
    public GgufTensor Tensor(long index)
    {
        string name = Text($"name of tensor {index}");
        uint dimensions = Number<uint>(name);
        if (dimensions > MostDimensions)
        {
            throw Problem($"tensor {CheckpointException.Quote(name)} has {dimensions} dimensions, expected up to {MostDimensions}");
        }
        long[] shape = new long[dimensions];
        Int128 elements = 1;
        for (int i = 0; i < shape.Length; i++)
        {
            ulong size = Number<ulong>(name);
            elements = size > long.MaxValue ? Int128.MaxValue : Int128.Min(elements, long.MaxValue) * size;
            if (elements > long.MaxValue) throw Problem($"tensor {CheckpointException.Quote(name)} has more elements than can be counted");
            shape[i] = (long)size;
        }

        uint type = Number<uint>(name);
        ulong offset = Number<ulong>(name);
        if (offset > (ulong)_length) throw Problem($"tensor {CheckpointException.Quote(name)} lies at {offset}, behind the end of the file");
        return new GgufTensor(name, shape, (GgmlType)type, (long)offset);
    }

    private object List(string place)
    {
        uint type = Number<uint>(place);
        switch (type)
        {
            case 0: return Numbers<byte>(place);
            case 1: return Numbers<sbyte>(place);
            case 2: return Numbers<ushort>(place);
            case 3: return Numbers<short>(place);
            case 4: return Numbers<uint>(place);
            case 5: return Numbers<int>(place);
            case 6: return Numbers<float>(place);
            case 7: return Numbers<byte>(place);
            case 10: return Numbers<ulong>(place);
            case 11: return Numbers<long>(place);
            case 12: return Numbers<double>(place);
            case 8: break;
            default: throw Problem($"{Quoted(place)} is a list of type {type}, expected one from 0 to 12 and no list");
        }

        // The array grows with what is read; a length alone makes nothing large.
        int count = Length(place, 8);
        List<string> texts = new(Math.Min(count, 1 << 12));
        for (int i = 0; i < count; i++) texts.Add(Text(place));
        return texts.ToArray();
    }

    private T[] Numbers<T>(string place)
        where T : unmanaged
    {
        T[] values = new T[Length(place, Marshal.SizeOf<T>())];
        Span<byte> bytes = MemoryMarshal.AsBytes(values.AsSpan());
        Fill(bytes, place);
        if (!BitConverter.IsLittleEndian) throw Problem("this processor is big-endian, for which no reader is written");
        return values;
    }

    private int Length(string place, int size)
    {
        ulong length = Number<ulong>(place);
        if (length > (ulong)(Left / size) || length > (ulong)Array.MaxLength)
        {
            throw Problem($"{Quoted(place)} says it has {length} items, but only {Left} bytes are left");
        }

        return (int)length;
    }

    private void Fill(Span<byte> bytes, string place)
    {
        if (bytes.Length > Left) throw Problem($"the file ends at byte {_length}, within {Quoted(place)}");
        stream.ReadExactly(bytes);
        Position += bytes.Length;
    }

    private static string Quoted(string place) => CheckpointException.Quote(place);

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
}
