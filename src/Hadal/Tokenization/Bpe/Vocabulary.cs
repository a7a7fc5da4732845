namespace Hadal.Tokenization.Bpe;

/// <summary>Tokens by the name that their file gives them, and their ids. Byte-level names are written in <see cref="ByteAlphabet"/>.</summary>
internal sealed class Vocabulary
{
    // A file may leave ids out, but not so many that a few bytes of text make a large table.
    private const int MostMissing = 1 << 20;

    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _bySpan;
    private string?[] _names;

    /// <summary>Makes room for a number of tokens.</summary>
    public Vocabulary(int capacity)
    {
        _ids = new Dictionary<string, int>(capacity, StringComparer.Ordinal);
        _bySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _names = new string?[capacity];
    }

    /// <summary>The highest id plus one.</summary>
    public int Size { get; private set; }

    /// <summary>How many names there are.</summary>
    public int Count => _ids.Count;

    /// <summary>Name of an id, or null where the file has none.</summary>
    public string? this[int id] => (uint)id < (uint)Size ? _names[id] : null;

    /// <summary>Adds a token; null if that worked, else what is wrong with it.</summary>
    public string? Add(string name, long id)
    {
        if (id < 0 || id > (long)Count + MostMissing)
        {
            return $"token {TokenizerException.Quote(name)} has id {id}, expected one near the number of tokens";
        }
        if (this[(int)id] is { } other)
        {
            return other == name ? null : $"id {id} belongs to both {TokenizerException.Quote(other)} and {TokenizerException.Quote(name)}";
        }

        if (!_ids.TryAdd(name, (int)id)) return $"token {TokenizerException.Quote(name)} has both id {_ids[name]} and id {id}";
        if (id >= _names.Length) Array.Resize(ref _names, (int)Math.Max(id + 1, Math.Min(2L * _names.Length, int.MaxValue / 2)));
        _names[id] = name;
        Size = Math.Max(Size, (int)id + 1);
        return null;
    }

    /// <summary>Id of a name.</summary>
    public bool TryGet(ReadOnlySpan<char> name, out int id) => _bySpan.TryGetValue(name, out id);

    /// <summary>Id of a name, or -1.</summary>
    public int Find(ReadOnlySpan<char> name) => _bySpan.TryGetValue(name, out int id) ? id : -1;
}
