namespace Hadal.Reinforcement.Answers;

internal enum LatexTokenKind
{
    /// <summary>One ASCII digit.</summary>
    Digit,

    /// <summary>One letter: a variable.</summary>
    Letter,

    /// <summary>A word of plain text or the content of <c>\text{}</c>, lower case.</summary>
    Words,

    /// <summary>A command that means something, without its backslash.</summary>
    Command,

    /// <summary>Any other character.</summary>
    Symbol,
}

/// <summary>One piece of an answer.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text, in the one spelling that the parser knows.</param>
/// <param name="AfterSpace">Whether blank space came before it, which parts digits.</param>
internal readonly record struct LatexToken(LatexTokenKind Kind, string Text, bool AfterSpace)
{
    public bool Is(string symbol) => Kind is LatexTokenKind.Symbol or LatexTokenKind.Command && Text == symbol;
}
