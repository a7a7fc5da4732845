using System.Runtime.InteropServices;

namespace Hadal.Tokenization.Bpe;

/// <summary>
/// The ids of words met before, for one thread at a time. Words and ids lie in two arenas, so an entry costs no object; when an arena or
/// the table is full everything is forgotten, which bounds memory and costs less than keeping track of age.
/// </summary>
internal sealed class WordCache
{
    /// <summary>Longer words are rarely met twice.</summary>
    public const int LongestWord = 48;

    private const int FirstEntries = 1 << 10, MostEntries = 1 << 17, MostCharacters = 1 << 20, MostIds = 1 << 20;

    private Entry[] _table = new Entry[FirstEntries * 2];
    private char[] _characters = new char[FirstEntries * 8];
    private int[] _ids = new int[FirstEntries * 4];
    private int _entries, _charactersUsed, _idsUsed;

    /// <summary>A hash for both other methods.</summary>
    public static uint Hash(ReadOnlySpan<char> word)
    {
        ulong hash = (uint)word.Length;
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(word);
        for (; bytes.Length >= 8; bytes = bytes[8..]) hash = (hash ^ MemoryMarshal.Read<ulong>(bytes)) * 0x9E3779B97F4A7C15UL ^ hash >> 31;
        if (bytes.Length >= 4)
        {
            hash = (hash ^ MemoryMarshal.Read<uint>(bytes)) * 0x9E3779B97F4A7C15UL ^ hash >> 31;
            bytes = bytes[4..];
        }

        if (bytes.Length >= 2) hash = (hash ^ MemoryMarshal.Read<ushort>(bytes)) * 0x9E3779B97F4A7C15UL;
        // Zero marks an empty entry.
        return (uint)(hash >> 32 ^ hash) | 1;
    }

    /// <summary>The ids of a word, if it is known.</summary>
    public bool TryGet(ReadOnlySpan<char> word, uint hash, out ReadOnlySpan<int> ids)
    {
        for (int at = Home(hash); _table[at].Hash != 0; at = (at + 1) & (_table.Length - 1))
        {
            ref readonly Entry entry = ref _table[at];
            if (entry.Hash != hash || !word.SequenceEqual(_characters.AsSpan(entry.Word, entry.WordLength))) continue;
            ids = _ids.AsSpan(entry.Ids, entry.IdCount);
            return true;
        }

        ids = default;
        return false;
    }

    /// <summary>Remembers a word that <see cref="TryGet"/> didn't find.</summary>
    public void Add(ReadOnlySpan<char> word, uint hash, ReadOnlySpan<int> ids)
    {
        if (_entries == MostEntries || _charactersUsed + word.Length > MostCharacters || _idsUsed + ids.Length > MostIds) Forget();
        if (2 * (_entries + 1) > _table.Length) Grow();
        Reserve(ref _characters, _charactersUsed, word.Length);
        Reserve(ref _ids, _idsUsed, ids.Length);
        word.CopyTo(_characters.AsSpan(_charactersUsed));
        ids.CopyTo(_ids.AsSpan(_idsUsed));
        Put(_table, new Entry
        {
            Hash = hash,
            Word = _charactersUsed,
            WordLength = (ushort)word.Length,
            Ids = _idsUsed,
            IdCount = (ushort)ids.Length,
        });
        _entries++;
        _charactersUsed += word.Length;
        _idsUsed += ids.Length;
    }

    private int Home(uint hash) => (int)(hash * 0x9E3779B1u >> 4) & (_table.Length - 1);

    private void Put(Entry[] table, Entry entry)
    {
        int at = Home(entry.Hash);
        while (table[at].Hash != 0) at = (at + 1) & (table.Length - 1);
        table[at] = entry;
    }

    private void Forget()
    {
        Array.Clear(_table);
        _entries = _charactersUsed = _idsUsed = 0;
    }

    private void Grow()
    {
        Entry[] old = _table;
        _table = new Entry[old.Length * 2];
        foreach (Entry entry in old)
        {
            if (entry.Hash != 0) Put(_table, entry);
        }
    }

    private static void Reserve<T>(ref T[] arena, int used, int more)
    {
        if (used + more > arena.Length) Array.Resize(ref arena, Math.Max(arena.Length * 2, used + more));
    }

    private struct Entry
    {
        public uint Hash;
        public int Word;
        public int Ids;
        public ushort WordLength;
        public ushort IdCount;
    }
}
