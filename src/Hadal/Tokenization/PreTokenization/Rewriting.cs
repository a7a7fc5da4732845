namespace Hadal.Tokenization.PreTokenization;

/// <summary>add_prefix_space of ByteLevel: every piece begins with a space.</summary>
internal sealed class PrefixSpace : PreTokenizer
{
    /// <inheritdoc/>
    public override void Apply(ReadOnlySpan<char> piece, bool isFirst, PieceSink next) =>
        next.Take(piece[0] == ' ' ? piece : $" {piece}", isFirst);
}

/// <summary>When <see cref="Metaspace"/> puts its mark before a piece that has none.</summary>
internal enum PrependScheme
{
    /// <summary>Always.</summary>
    Always,

    /// <summary>Where the text begins.</summary>
    First,

    /// <summary>Never.</summary>
    Never,
}

/// <summary>SentencePiece's way with spaces: each becomes a visible mark, and begins a piece.</summary>
internal sealed class Metaspace(char replacement, PrependScheme scheme, bool split) : PreTokenizer
{
    /// <inheritdoc/>
    public override void Apply(ReadOnlySpan<char> piece, bool isFirst, PieceSink next)
    {
        string marked = piece.ToString().Replace(' ', replacement);
        bool prepends = scheme == PrependScheme.Always || (scheme == PrependScheme.First && isFirst);
        if (prepends && marked[0] != replacement) marked = replacement + marked;
        if (!split)
        {
            next.Take(marked, isFirst);
            return;
        }

        for (int at = 0; at < marked.Length;)
        {
            int end = marked.IndexOf(replacement, at + 1);
            if (end < 0) end = marked.Length;
            next.Take(marked.AsSpan(at, end - at), isFirst && at == 0);
            at = end;
        }
    }
}

/// <summary>
/// Cuts before a mark that follows something else, which changes nothing where no token reaches over such a place: the merges find the
/// same tokens, in words that the cache knows instead of in a whole text.
/// </summary>
internal sealed class MarkedWords : PreTokenizer
{
    private const char Mark = '\u2581';

    /// <summary>The step if a vocabulary allows it, else none.</summary>
    public static PreTokenizer[] For(Bpe.Vocabulary vocabulary)
    {
        if (vocabulary.Find([Mark]) < 0) return [];
        for (int id = 0; id < vocabulary.Size; id++)
        {
            string name = vocabulary[id] ?? "";
            for (int i = 1; i < name.Length; i++)
            {
                if (name[i] == Mark && name[i - 1] != Mark) return [];
            }
        }

        return [new MarkedWords()];
    }

    /// <inheritdoc/>
    public override void Apply(ReadOnlySpan<char> piece, bool isFirst, PieceSink next)
    {
        int start = 0;
        for (int at = 1; at < piece.Length; at++)
        {
            if (piece[at] != Mark || piece[at - 1] == Mark) continue;
            next.Take(piece[start..at], isFirst && start == 0);
            start = at;
        }

        next.Take(piece[start..], isFirst && start == 0);
    }
}
