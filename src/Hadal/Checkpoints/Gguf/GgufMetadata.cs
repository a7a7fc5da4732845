using System.Globalization;

namespace Hadal.Checkpoints.Gguf;

/// <summary>
/// The head of a GGUF file: its keys with values, and where its tensors lie. Versions 2 and 3, little-endian. Every length is compared
/// with what is left of the file before anything is allocated for it.
/// </summary>
public sealed class GgufMetadata
{
    internal const uint Magic = 0x46554747, DefaultAlignment = 32;

    private readonly Dictionary<string, object> _values;

    private GgufMetadata(string path, Dictionary<string, object> values, IReadOnlyList<GgufTensor> tensors, long dataStart)
    {
        Path = path;
        _values = values;
        Tensors = tensors;
        DataStart = dataStart;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The keys.</summary>
    public IReadOnlyCollection<string> Keys => _values.Keys;

    /// <summary>The tensors, in the order of the file.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <summary>The boundary on which the data of every tensor begins.</summary>
    public long Alignment { get; private init; } = DefaultAlignment;

    /// <summary>Where the data of tensors begins; their offsets count from here.</summary>
    public long DataStart { get; }

    /// <summary>Reads the head of a file.</summary>
    /// <exception cref="CheckpointException">The file can't be read or is no valid GGUF.</exception>
    public static GgufMetadata Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
            return Read(path, file);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(path, "read", e);
        }
    }

    /// <summary>The value of a key as .NET has it, a list as an array; null if the key is missing.</summary>
    internal object? Value(string key) => _values.GetValueOrDefault(key);

    /// <summary>Whether a key is there.</summary>
    public bool Has(string key) => _values.ContainsKey(key);

    /// <summary>A text; null if the key is missing.</summary>
    /// <exception cref="CheckpointException">The value is something else.</exception>
    public string? Text(string key) => Value<string>(key, "a string");

    /// <summary>A whole number of any width; null if the key is missing.</summary>
    /// <exception cref="CheckpointException">The value is something else.</exception>
    public long? Number(string key) => _values.GetValueOrDefault(key) switch
    {
        null => null,
        byte or sbyte or ushort or short or uint or int or long => Convert.ToInt64(_values[key], CultureInfo.InvariantCulture),
        ulong value and <= long.MaxValue => (long)value,
        _ => throw Wrong(key, "a whole number"),
    };

    /// <summary>A number; null if the key is missing.</summary>
    /// <exception cref="CheckpointException">The value is something else.</exception>
    public double? Real(string key) => _values.GetValueOrDefault(key) switch
    {
        float value => value,
        double value => value,
        _ => Number(key),
    };

    /// <summary>A finite number, F32 as its shortest text says it: 1e-6 and not 9.999999974752427e-7; null if the key is missing.</summary>
    /// <exception cref="CheckpointException">The value is something else.</exception>
    internal double? Finite(string key) => Real(key) is not { } value ? null
        : !double.IsFinite(value) ? throw new CheckpointException(Path, $"{key} is {value}, expected a finite number")
        : _values[key] is float single ? double.Parse(single.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
        : value;

    /// <summary>True or false; null if the key is missing.</summary>
    /// <exception cref="CheckpointException">The value is something else.</exception>
    public bool? Flag(string key) => _values.GetValueOrDefault(key) switch
    {
        null => null,
        bool value => value,
        _ => throw Wrong(key, "true or false"),
    };

    /// <summary>A list of texts; null if the key is missing.</summary>
    /// <exception cref="CheckpointException">The value is something else.</exception>
    public IReadOnlyList<string>? Texts(string key) => Value<string[]>(key, "a list of strings");

    /// <summary>A list of 32-bit numbers, signed or not; null if the key is missing.</summary>
    /// <exception cref="CheckpointException">The value is something else.</exception>
    public IReadOnlyList<int>? Numbers(string key) => _values.GetValueOrDefault(key) switch
    {
        uint[] values => Array.ConvertAll(values, value => unchecked((int)value)),
        _ => Value<int[]>(key, "a list of 32-bit numbers"),
    };

    /// <summary>A list of F32; null if the key is missing.</summary>
    /// <exception cref="CheckpointException">The value is something else.</exception>
    public IReadOnlyList<float>? Reals(string key) => Value<float[]>(key, "a list of F32");

    internal static GgufMetadata Read(string path, Stream stream)
    {
        GgufHeadReader reader = new(path, stream);
        if (reader.Number<uint>("magic") is var magic && magic != Magic)
        {
            throw reader.Problem($"the file starts with 0x{magic:x8}, expected 'GGUF'");
        }
        uint version = reader.Number<uint>("version");
        if (version is < 2 or > 3)
        {
            string hint = version is 0x02000000 or 0x03000000 ? ", which is big-endian" : "";
            throw reader.Problem($"the version is {version}{hint}, expected 2 or 3");
        }

        long tensorCount = reader.Count("number of tensors", GgufHeadReader.LeastTensorBytes);
        long keyCount = reader.Count("number of keys", GgufHeadReader.LeastPairBytes);
        Dictionary<string, object> values = new((int)Math.Min(keyCount, 1024), StringComparer.Ordinal);
        for (long i = 0; i < keyCount; i++)
        {
            string key = reader.Text($"key {i}");
            object value = reader.Value(key, reader.Number<uint>(key));
            if (!values.TryAdd(key, value)) throw reader.Problem($"the key {CheckpointException.Quote(key)} is there twice");
        }

        List<GgufTensor> tensors = new((int)Math.Min(tensorCount, 1024));
        for (long i = 0; i < tensorCount; i++) tensors.Add(reader.Tensor(i));
        long alignment = values.GetValueOrDefault("general.alignment") switch
        {
            null => DefaultAlignment,
            uint given when given > 0 && given % 8 == 0 && given <= 1 << 20 => given,
            _ => throw reader.Problem("general.alignment is not a multiple of 8 up to 1048576"),
        };
        return new GgufMetadata(path, values, tensors, (reader.Position + alignment - 1) / alignment * alignment) { Alignment = alignment };
    }

    private T? Value<T>(string key, string expected)
        where T : class => _values.GetValueOrDefault(key) switch
        {
            null => null,
            T value => value,
            _ => throw Wrong(key, expected),
        };

    private CheckpointException Wrong(string key, string expected)
    {
        object value = _values[key];
        string found = value is Array array
            ? $"a list of {array.Length} values of type {value.GetType().GetElementType()!.Name}"
            : $"a {value.GetType().Name}";
        return new CheckpointException(Path, $"{key} is {found}, expected {expected}");
    }
}
