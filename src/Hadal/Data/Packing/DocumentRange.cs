using Hadal.Data.Tokens;

namespace Hadal.Data.Packing;

/// <summary>
/// Some documents of a source in the order of an epoch. Text is cut into chunks of a length C: of a long document the cuts lie at an
/// offset that the epoch and the document decide, and all chunks of the range are visited in one pseudo-random order. Conversations
/// are not cut.
/// <para>
/// Which chunk is next follows from a count alone. Every document gets more slots than it can have chunks: document d, starting at token
/// S(d) of the range, has those from S(d)/C + 2d on, rounded down. They are permuted, and the ones that turn out empty are skipped.
/// </para>
/// </summary>
internal sealed class DocumentRange
{
    private readonly TokenFile _file;
    private readonly long _first, _end, _start;
    private readonly ulong? _seed;

    /// <param name="file">The tokens.</param>
    /// <param name="first">The first document.</param>
    /// <param name="end">The document behind the last.</param>
    /// <param name="isChat">Whether the documents are conversations.</param>
    /// <param name="seed">What shuffles; null to keep the documents' order.</param>
    public DocumentRange(TokenFile file, long first, long end, bool isChat, ulong? seed)
    {
        _file = file;
        (_first, _end, _start) = (first, end, file.Offset(first));
        IsChat = isChat;
        _seed = seed;
        Tokens = file.Offset(end) - _start;
    }

    /// <summary>Whether the documents are conversations.</summary>
    public bool IsChat { get; }

    /// <summary>How many tokens the documents have.</summary>
    public long Tokens { get; }

    /// <summary>How many documents there are.</summary>
    public long Documents => _end - _first;

    /// <summary>How many slots an epoch has.</summary>
    public long Slots(int chunkLength) => IsChat ? Documents : Tokens / chunkLength + 2 * Documents;

    /// <summary>The tokens of a slot of an epoch; none of an empty slot.</summary>
    public (long Start, int Length) Chunk(long epoch, long slot, int chunkLength)
    {
        if (_seed is { } seed) slot = new Permutation(Slots(chunkLength), Mix.Of(seed, (ulong)epoch, 1))[slot];
        long document = IsChat ? _first + slot : DocumentOfSlot(slot, chunkLength);
        long start = _file.Offset(document), length = _file.Offset(document + 1) - start;
        if (IsChat) return (start, (int)length);
        long chunk = slot - FirstSlot(document, chunkLength);
        if (length <= chunkLength) return chunk == 0 ? (start, (int)length) : (start, 0);
        long offset = _seed is { } key ? (long)(Mix.Of(key, (ulong)epoch, 2, (ulong)document) % (ulong)chunkLength) : 0;
        long from = Math.Clamp(chunk * chunkLength - offset, 0, length), to = Math.Min((chunk + 1) * chunkLength - offset, length);
        return to > from ? (start + from, (int)(to - from)) : (start, 0);
    }

    /// <summary>Whether tokens lie within one document of the range.</summary>
    public bool Holds(long start, int length) => start >= _start && length > 0 && start <= _start + Tokens - length
        && _file.Offset(_file.DocumentOf(start) + 1) >= start + length;

    /// <summary>Reads a piece of a document.</summary>
    /// <returns>Its tokens, and for each the token that follows it in the document, -1 where there is none to be learned.</returns>
    public (int[] Ids, int[] Targets) Read(long start, int length)
    {
        long documentEnd = _file.Offset(_file.DocumentOf(start) + 1);
        int read = (int)Math.Min(length + 1L, documentEnd - start);
        int[] ids = new int[read], targets = new int[length];
        bool[] counted = new bool[read];
        _file.Read(start, ids, counted);
        targets[^1] = -1;
        for (int i = 0; i + 1 < read; i++) targets[i] = counted[i + 1] ? ids[i + 1] : -1;
        return (ids[..length], targets);
    }

    private long FirstSlot(long document, int chunkLength) => (_file.Offset(document) - _start) / chunkLength + 2 * (document - _first);

    private long DocumentOfSlot(long slot, int chunkLength)
    {
        long low = _first, high = _end;
        while (high - low > 1)
        {
            long middle = low + (high - low) / 2;
            if (FirstSlot(middle, chunkLength) <= slot) low = middle;
            else high = middle;
        }

        return low;
    }
}
