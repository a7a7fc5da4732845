using System.Buffers;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization;

/// <summary>
/// Finds added tokens in text: the leftmost, and of those that start there the longest. A trie holds the tokens; places where none can
/// start are passed over by a vectorized search for their first characters.
/// </summary>
internal sealed class AddedTokenFinder
{
    private readonly SearchValues<char> _starts;
    private readonly Dictionary<(int Node, char Next), int> _edges = [];
    private readonly List<AddedToken?> _tokens = [null];

    public AddedTokenFinder(IEnumerable<AddedToken> tokens)
    {
        HashSet<char> starts = [];
        foreach (AddedToken token in tokens)
        {
            if (token.Content.Length == 0) continue;
            starts.Add(token.Content[0]);
            int node = 0;
            foreach (char c in token.Content)
            {
                if (!_edges.TryGetValue((node, c), out int next))
                {
                    next = _tokens.Count;
                    _edges.Add((node, c), next);
                    _tokens.Add(null);
                }

                node = next;
            }

            _tokens[node] ??= token;
        }

        _starts = SearchValues.Create([.. starts]);
    }

    /// <summary>The first token from a place on, with the white space it takes; null if there is none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="from">Where to look; the token takes no white space from before.</param>
    /// <param name="filter">Which tokens count.</param>
    /// <param name="start">Where what the token takes starts.</param>
    /// <param name="end">Where it ends.</param>
    public AddedToken? Find(ReadOnlySpan<char> text, int from, AddedTokenFilter filter, out int start, out int end)
    {
        for (int at = from; ; at++)
        {
            int ahead = text[at..].IndexOfAny(_starts);
            if (ahead < 0) break;
            at += ahead;
            if (Longest(text, at, filter) is not { } token) continue;
            (start, end) = (at, at + token.Content.Length);
            if (token.IsSingleWord && (EndsInWord(text[..start]) || StartsWithWord(text[end..]))) continue;
            if (token.StripsLeft)
            {
                while (start > from && (CharClasses.At(text[start - 1]) & CharClass.Space) != 0) start--;
            }

            if (token.StripsRight) end = CharClasses.SkipAny(text, end, CharClass.Space);
            return token;
        }

        start = end = text.Length;
        return null;
    }

    private AddedToken? Longest(ReadOnlySpan<char> text, int start, AddedTokenFilter filter)
    {
        AddedToken? longest = null;
        int node = 0;
        for (int end = start; end < text.Length && _edges.TryGetValue((node, text[end]), out node); end++)
        {
            if (_tokens[node] is { } token && filter.Allows(token, start, end + 1)) longest = token;
        }

        return longest;
    }

    private static bool StartsWithWord(ReadOnlySpan<char> text) => !text.IsEmpty && IsWord(CharClasses.At(text, 0, out _), text[0]);

    private static bool EndsInWord(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty) return false;
        int last = text.Length - (text.Length > 1 && char.IsSurrogatePair(text[^2], text[^1]) ? 2 : 1);
        return IsWord(CharClasses.At(text, last, out _), text[last]);
    }

    private static bool IsWord(CharClass classes, char c) =>
        c == '_' || (classes & (CharClass.Letter | CharClass.Mark | CharClass.Number)) != 0;
}
