using System.Text;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization.Bpe;

/// <summary>
/// BPE on characters (Llama 2, Mistral and other vocabularies that come from SentencePiece). A character without a token becomes the
/// tokens of its bytes ("&lt;0xE4&gt;"), else the unknown token.
/// </summary>
internal sealed class CharacterBpe : BpeModel
{
    private readonly CharacterSymbols _symbols;
    private readonly int[]? _byteIds;
    private readonly int _unknown;
    private readonly bool _fusesUnknown;
    private readonly Dictionary<int, int> _unnamed;

    /// <param name="vocabulary">Names and ids.</param>
    /// <param name="merges">What merges.</param>
    /// <param name="ignoreMerges">Whether a piece that is a token is that token.</param>
    /// <param name="symbols">Ids of characters, among them those beyond the vocabulary that only merge.</param>
    /// <param name="byteFallback">Whether characters may become bytes.</param>
    /// <param name="unknown">The unknown token, or -1; without one, what is unknown is left out.</param>
    /// <param name="fusesUnknown">Whether unknown characters in a row are one unknown token.</param>
    /// <param name="unnamed">Which character an id beyond the vocabulary is, for those that merged with nothing.</param>
    public CharacterBpe(
        Vocabulary vocabulary, MergeTable merges, bool ignoreMerges, CharacterSymbols symbols, bool byteFallback, int unknown, bool fusesUnknown,
        Dictionary<int, int>? unnamed = null)
        : base(vocabulary, merges, ignoreMerges)
    {
        _symbols = symbols;
        _unknown = unknown;
        _fusesUnknown = fusesUnknown;
        _unnamed = unnamed ?? [];
        if (byteFallback) _byteIds = [.. Enumerable.Range(0, 256).Select(b => vocabulary.Find($"<0x{b:X2}>"))];
    }

    /// <inheritdoc/>
    protected override void EncodeNew(ReadOnlySpan<char> piece, EncodingScratch scratch)
    {
        if (IgnoreMerges && Vocabulary.TryGet(piece, out int whole))
        {
            scratch.Ids.Add(whole);
            return;
        }

        // A character is one to four bytes, and never more of them than three times its UTF-16 units.
        Span<int> symbols = scratch.Ids.Tail(checked(3 * piece.Length));
        int count = 0;
        bool afterUnknown = false;
        for (int at = 0; at < piece.Length;)
        {
            int code = CharClasses.CodePoint(piece, at, out int length);
            at += length;
            int id = _symbols[code];
            if (id >= 0) symbols[count++] = id;
            int bytes = id >= 0 ? 0 : Bytes(code, symbols[count..]);
            count += bytes;
            bool isUnknown = id < 0 && bytes == 0 && _unknown >= 0;
            if (isUnknown && !(afterUnknown && _fusesUnknown)) symbols[count++] = _unknown;
            afterUnknown = isUnknown;
        }

        count = Merger.Merge(symbols[..count], Merges);
        if (_unnamed.Count == 0) scratch.Ids.Advance(count);
        else AdvanceNamed(scratch.Ids, symbols[..count].ToArray());
    }

    private int Bytes(int codePoint, Span<int> ids)
    {
        if (_byteIds is null) return 0;
        Span<byte> utf8 = stackalloc byte[4];
        int length = new Rune(codePoint).EncodeToUtf8(utf8);
        for (int i = 0; i < length; i++)
        {
            ids[i] = _byteIds[utf8[i]];
            if (ids[i] < 0) return 0;
        }

        return length;
    }

    private void AdvanceNamed(IdBuffer ids, int[] merged)
    {
        Span<int> bytes = stackalloc int[4];
        foreach (int id in merged)
        {
            if (!_unnamed.TryGetValue(id, out int code)) ids.Add(id);
            else if (Bytes(code, bytes) is > 0 and int length) ids.Add(bytes[..length]);
            else if (_unknown >= 0) ids.Add(_unknown);
        }
    }
}
