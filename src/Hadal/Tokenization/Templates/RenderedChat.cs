namespace Hadal.Tokenization.Templates;

/// <summary>A part of a text.</summary>
/// <param name="Start">Its first character, in UTF-16 units.</param>
/// <param name="Length">Its length, in UTF-16 units.</param>
public readonly record struct TextSpan(int Start, int Length)
{
    /// <summary>The offset behind its last character.</summary>
    public int End => Start + Length;
}

/// <summary>A conversation as the text that a model reads.</summary>
/// <param name="Text">The text.</param>
/// <param name="AssistantSpans">What the assistant says in it, in order and without overlap.</param>
public sealed record RenderedChat(string Text, IReadOnlyList<TextSpan> AssistantSpans)
{
    /// <summary>
    /// What in it came with the messages, tools and variables, in order and without overlap; all else is the template's. Only what is the
    /// template's alone may become a control token: see <see cref="Tokenizer.EncodeChat"/>.
    /// </summary>
    public required IReadOnlyList<TextSpan> ForeignSpans { get; init; }
}
