namespace Hadal.Tokenization.Bpe;

/// <summary>
/// Turns one piece of text into ids: first symbols, bytes or characters by the kind of vocabulary, then merges. Immutable, so any number
/// of threads may share it; what changes is in the <see cref="EncodingScratch"/> of the caller.
/// </summary>
internal abstract class BpeModel(Vocabulary vocabulary, MergeTable merges, bool ignoreMerges)
{
    /// <summary>Names and ids.</summary>
    protected Vocabulary Vocabulary { get; } = vocabulary;

    /// <summary>What merges.</summary>
    public MergeTable Merges { get; } = merges;

    /// <summary>Whether a piece that is a token as a whole is that token, whatever the merges would make of it.</summary>
    public bool IgnoreMerges { get; } = ignoreMerges;

    /// <summary>Adds the ids of a piece.</summary>
    public void Encode(ReadOnlySpan<char> piece, EncodingScratch scratch)
    {
        if (piece.Length > WordCache.LongestWord)
        {
            EncodeNew(piece, scratch);
            return;
        }

        uint hash = WordCache.Hash(piece);
        if (scratch.Cache.TryGet(piece, hash, out ReadOnlySpan<int> known))
        {
            scratch.Ids.Add(known);
            return;
        }

        int before = scratch.Ids.Count;
        EncodeNew(piece, scratch);
        scratch.Cache.Add(piece, hash, scratch.Ids.Written[before..]);
    }

    /// <summary>Adds the ids of a piece that the cache doesn't have.</summary>
    protected abstract void EncodeNew(ReadOnlySpan<char> piece, EncodingScratch scratch);
}
