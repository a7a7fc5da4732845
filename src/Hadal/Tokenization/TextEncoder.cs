using Hadal.Tokenization.Bpe;
using Hadal.Tokenization.Normalization;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization;

/// <summary>Text to ids: added tokens are found first, some in the text as it is and some once it is normalized; the rest is cut into pieces.</summary>
internal sealed class TextEncoder
{
    private readonly TokenizerParts _parts;
    private readonly AddedTokenFinder? _rawFinder, _normalizedFinder, _writtenFinder;

    public TextEncoder(TokenizerParts parts)
    {
        _parts = parts;
        AddedToken[] raw = [.. parts.AddedTokens.Where(token => !token.IsNormalized || parts.Normalizers.Length == 0)];
        AddedToken[] others = [.. parts.AddedTokens.Except(raw)];
        if (raw.Length > 0) _rawFinder = new AddedTokenFinder(raw);
        if (others.Length > 0)
        {
            _normalizedFinder = new AddedTokenFinder(others.Select(token => token with { Content = Normalize(token.Content) }));
            _writtenFinder = new AddedTokenFinder(others.Where(token => token.IsControl));
        }
    }

    /// <summary>Adds the ids of a text.</summary>
    /// <returns>How many of the added tokens among them are control.</returns>
    public int Encode(ReadOnlySpan<char> text, AddedTokenFilter filter, EncodingScratch scratch)
    {
        if (_rawFinder is null) return EncodePart(text, isFirst: true, filter, scratch);
        int controls = 0;
        for (int at = 0; at < text.Length;)
        {
            AddedToken? token = _rawFinder.Find(text, at, filter, out int start, out int end);
            if (start > at) controls += EncodePart(text[at..start], isFirst: at == 0, filter.From(at), scratch);
            if (token is not null) controls += Add(token, scratch);
            at = end;
        }

        return controls;
    }

    private int EncodePart(ReadOnlySpan<char> text, bool isFirst, AddedTokenFilter filter, EncodingScratch scratch)
    {
        PieceSink sink = new(_parts.PreTokenizers, 0, scratch);
        if (_parts.Normalizers.Length == 0)
        {
            sink.Take(text, isFirst);
            return 0;
        }

        if (_normalizedFinder is not null && filter.HasForeign) return EncodeMixed(text, isFirst, filter, scratch);
        ReadOnlySpan<char> normalized = Normalize(text.ToString());
        if (_normalizedFinder is null)
        {
            sink.Take(normalized, isFirst);
            return 0;
        }

        int controls = 0;
        for (int at = 0; at < normalized.Length;)
        {
            AddedToken? token = _normalizedFinder.Find(normalized, at, filter, out int start, out int end);
            if (start > at) sink.Take(normalized[at..start], isFirst && at == 0);
            if (token is not null) controls += Add(token, scratch);
            at = end;
        }

        return controls;
    }

    // A normalizer moves characters, and then there is no telling whose they are. Where it makes the control tokens that the author wrote
    // and no others, all is well; where not, the text is cut at those that he wrote, and nothing else becomes control.
    private int EncodeMixed(ReadOnlySpan<char> text, bool isFirst, AddedTokenFilter filter, EncodingScratch scratch)
    {
        List<(AddedToken Token, int Start, int End)> written = Find(_writtenFinder!, text, filter);
        IEnumerable<int> made = Find(_normalizedFinder!, Normalize(text.ToString()), AddedTokenFilter.All).Where(found => found.Token.IsControl).Select(found => found.Token.Id);
        if (made.SequenceEqual(written.Select(found => found.Token.Id))) return EncodePart(text, isFirst, AddedTokenFilter.All, scratch);
        int at = 0;
        foreach ((AddedToken token, int start, int end) in written)
        {
            if (start > at) EncodePart(text[at..start], isFirst && at == 0, AddedTokenFilter.NoControls, scratch);
            Add(token, scratch);
            at = end;
        }

        if (at < text.Length) EncodePart(text[at..], isFirst && at == 0, AddedTokenFilter.NoControls, scratch);
        return written.Count;
    }

    private static List<(AddedToken Token, int Start, int End)> Find(AddedTokenFinder finder, ReadOnlySpan<char> text, AddedTokenFilter filter)
    {
        List<(AddedToken Token, int Start, int End)> all = [];
        for (int at = 0; at < text.Length;)
        {
            if (finder.Find(text, at, filter, out int start, out int end) is { } token) all.Add((token, start, end));
            at = end;
        }

        return all;
    }

    private static int Add(AddedToken token, EncodingScratch scratch)
    {
        scratch.Ids.Add(token.Id);
        return token.IsControl ? 1 : 0;
    }

    private string Normalize(string text)
    {
        foreach (Normalizer normalizer in _parts.Normalizers) text = normalizer.Apply(text);
        return text;
    }
}
