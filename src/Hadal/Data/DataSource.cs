namespace Hadal.Data;

/// <summary>What a file of training data holds.</summary>
public enum SourceFormat
{
    /// <summary>Plain UTF-8 text.</summary>
    Text,

    /// <summary>A JSON object a line, one of whose members is a document.</summary>
    Jsonl,

    /// <summary>A JSON object a line with a conversation; the loss is on what the assistant says.</summary>
    Chat,
}

/// <summary>Where documents come from.</summary>
public sealed record DataSource
{
    /// <summary>
    /// A file, or a folder: of that every file below it whose name ends in .txt or .jsonl, in ordinal order of their paths. Names
    /// that start with a dot and links to folders are passed over.
    /// </summary>
    public required string Path { get; init; }

    /// <summary>
    /// What the files hold. If nothing is said, .txt is text and .jsonl is <see cref="SourceFormat.Jsonl"/>, or
    /// <see cref="SourceFormat.Chat"/> where <see cref="QuestionField"/> is given.
    /// </summary>
    public SourceFormat? Format { get; init; }

    /// <summary>The member of a JSON line that is the document: a string, or an array of strings, which are its lines.</summary>
    public string Field { get; init; } = "text";

    /// <summary>
    /// The source's share of the tokens, relative to the other sources'. Either all sources have one or none has; with none they are
    /// mixed by their sizes, and an epoch of the mix is an epoch of each.
    /// </summary>
    public double? Weight { get; init; }

    /// <summary>
    /// What separates documents within a text file, such as <c>&lt;|endoftext|&gt;</c>; it belongs to none of them and is matched byte for
    /// byte. Without one a file is one document.
    /// </summary>
    public string? Separator { get; init; }

    /// <summary>For lines of a question and an answer: the member that the user says. The conversation is those two messages.</summary>
    public string? QuestionField { get; init; }

    /// <summary>For lines of a question and an answer: the member that the assistant says.</summary>
    public string? AnswerField { get; init; }
}
