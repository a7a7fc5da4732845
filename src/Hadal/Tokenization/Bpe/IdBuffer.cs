namespace Hadal.Tokenization.Bpe;

/// <summary>Ids as they come: a list that lends its tail to be written to.</summary>
internal sealed class IdBuffer
{
    private int[] _ids = new int[256];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>What there is.</summary>
    public ReadOnlySpan<int> Written => _ids.AsSpan(0, Count);

    /// <summary>Adds one.</summary>
    public void Add(int id)
    {
        if (Count == _ids.Length) Array.Resize(ref _ids, _ids.Length * 2);
        _ids[Count++] = id;
    }

    /// <summary>Adds some.</summary>
    public void Add(ReadOnlySpan<int> ids)
    {
        ids.CopyTo(Tail(ids.Length));
        Advance(ids.Length);
    }

    /// <summary>Room behind what there is; <see cref="Advance"/> says how much of it was used.</summary>
    public Span<int> Tail(int length)
    {
        if (length > _ids.Length - Count) Array.Resize(ref _ids, Math.Max(_ids.Length * 2, checked(Count + length)));
        return _ids.AsSpan(Count, length);
    }

    /// <summary>Keeps the first ids of the tail.</summary>
    public void Advance(int count) => Count += count;

    /// <summary>Forgets everything; a buffer that grew very large gives its memory back.</summary>
    public void Clear()
    {
        Count = 0;
        if (_ids.Length > 1 << 20) _ids = new int[256];
    }
}
