namespace Hadal.Tokenization.PreTokenization;

/// <summary>What becomes of matches; the names are those of tokenizer.json.</summary>
internal enum SplitBehavior
{
    /// <summary>Pieces of their own.</summary>
    Isolated,

    /// <summary>Left out.</summary>
    Removed,

    /// <summary>Neighbouring matches are one piece.</summary>
    Contiguous,

    /// <summary>The end of the piece before.</summary>
    MergedWithPrevious,

    /// <summary>The beginning of the piece behind.</summary>
    MergedWithNext,
}

/// <summary>Finds the places where a pre-tokenizer cuts, from left to right and without overlap.</summary>
internal abstract class MatchFinder
{
    /// <summary>Reports every match in a piece.</summary>
    public abstract void Find(ReadOnlySpan<char> piece, ref MatchSink matches);
}

/// <summary>Cuts at the matches of a pattern.</summary>
/// <param name="finder">The pattern.</param>
/// <param name="behavior">What becomes of matches.</param>
/// <param name="invert">Whether what lies between matches takes their part.</param>
internal sealed class Split(MatchFinder finder, SplitBehavior behavior, bool invert) : PreTokenizer
{
    /// <summary>The pattern's hand-written or general form.</summary>
    public MatchFinder Finder => finder;

    /// <inheritdoc/>
    public override void Apply(ReadOnlySpan<char> piece, bool isFirst, PieceSink next)
    {
        MatchSink matches = new(piece, isFirst, behavior, invert, next);
        finder.Find(piece, ref matches);
        matches.Finish();
    }
}

/// <summary>Makes pieces of matches and of the gaps between them.</summary>
internal ref struct MatchSink(ReadOnlySpan<char> text, bool isFirst, SplitBehavior behavior, bool invert, PieceSink next)
{
    private readonly ReadOnlySpan<char> _text = text;
    private readonly PieceSink _next = next;

    // End of the last match, and the piece that waits to be joined by a neighbour: [_open, _openEnd), none if both are equal.
    private int _done;
    private int _open, _openEnd;
    private bool _openIsMatch;

    /// <summary>Reports a match; an empty one only cuts.</summary>
    public void Match(int start, int end)
    {
        if (start > _done) Segment(_done, start, isMatch: invert);
        if (end > start) Segment(start, end, isMatch: !invert);
        _done = end;
    }

    /// <summary>Sends what is left.</summary>
    public void Finish()
    {
        if (_done < _text.Length) Segment(_done, _text.Length, isMatch: invert);
        Flush();
    }

    private void Segment(int start, int end, bool isMatch)
    {
        switch (behavior)
        {
            case SplitBehavior.Isolated:
                Send(start, end);
                break;
            case SplitBehavior.Removed:
                if (!isMatch) Send(start, end);
                break;
            default:
                bool joins = _openEnd > _open && behavior switch
                {
                    SplitBehavior.Contiguous => isMatch && _openIsMatch,
                    SplitBehavior.MergedWithPrevious => isMatch && !_openIsMatch,
                    _ => !isMatch && _openIsMatch,
                };
                if (!joins)
                {
                    Flush();
                    _open = start;
                }

                _openEnd = end;
                // A joined piece takes no second match (or gap), but a run of matches goes on.
                _openIsMatch = isMatch;
                break;
        }
    }

    private void Flush()
    {
        if (_openEnd > _open) Send(_open, _openEnd);
        _open = _openEnd;
    }

    private readonly void Send(int start, int end) => _next.Take(_text[start..end], isFirst && start == 0);
}
