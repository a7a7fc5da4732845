namespace Hadal.Tokenization;

/// <summary>A token that is found in text as a whole, before anything else looks at the text.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="IsSpecial">
/// Whether it is control rather than text: left out when decoding asks for that, and not read from text that a user wrote.
/// </param>
/// <param name="IsNormalized">Whether it is looked for in normalized text.</param>
/// <param name="StripsLeft">Whether it takes the white space before it.</param>
/// <param name="StripsRight">Whether it takes the white space behind it.</param>
/// <param name="IsSingleWord">Whether it must not touch a letter, a digit or an underscore.</param>
public sealed record AddedToken(
    int Id, string Content, bool IsSpecial, bool IsNormalized = false, bool StripsLeft = false, bool StripsRight = false,
    bool IsSingleWord = false)
{
    /// <summary>
    /// Whether it is control in a conversation: special, or markup such as <c>&lt;think&gt;</c> and DeepSeek's <c>&lt;｜User｜&gt;</c>, which
    /// their makers don't call special. What is neither, a word or a run of spaces, is text.
    /// </summary>
    public bool IsControl => IsSpecial || (Content.AsSpan().TrimStart([' ', '\u2581']) is ['<' or '[' or '|' or '｜', _, _, ..]);
}
