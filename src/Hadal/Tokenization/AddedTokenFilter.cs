using Hadal.Tokenization.Templates;

namespace Hadal.Tokenization;

/// <summary>Which added tokens count where in a text.</summary>
internal readonly struct AddedTokenFilter
{
    private readonly bool _specials, _controls;
    private readonly IReadOnlyList<TextSpan>? _foreign;
    private readonly int _offset;

    private AddedTokenFilter(bool specials, bool controls, IReadOnlyList<TextSpan>? foreign, int offset) =>
        (_specials, _controls, _foreign, _offset) = (specials, controls, foreign, offset);

    /// <summary>All of them.</summary>
    public static AddedTokenFilter All { get; } = new(specials: true, controls: true, null, 0);

    /// <summary>All but special ones.</summary>
    public static AddedTokenFilter NoSpecials { get; } = new(specials: false, controls: true, null, 0);

    /// <summary>None that are control in a conversation.</summary>
    public static AddedTokenFilter NoControls { get; } = new(specials: false, controls: false, null, 0);

    /// <summary>Whether it depends on the place.</summary>
    public bool HasForeign => _foreign is not null;

    /// <summary>Control only where all of its characters are the author's own.</summary>
    /// <param name="spans">What isn't, in order and without overlap.</param>
    public static AddedTokenFilter Foreign(IReadOnlyList<TextSpan> spans) => new(specials: true, controls: true, spans, 0);

    /// <summary>The same for the part of the text that begins at a place.</summary>
    public AddedTokenFilter From(int start) => new(_specials, _controls, _foreign, _offset + start);

    /// <summary>Whether a token counts at a place.</summary>
    public bool Allows(AddedToken token, int start, int end)
    {
        if (!_controls) return !token.IsControl;
        return _foreign is null ? _specials || !token.IsSpecial : !token.IsControl || !Touches(start + _offset, end + _offset);
    }

    private bool Touches(int start, int end)
    {
        int low = 0, high = _foreign!.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_foreign[middle].End <= start) low = middle + 1;
            else high = middle;
        }

        return low < _foreign.Count && _foreign[low].Start < end;
    }
}
