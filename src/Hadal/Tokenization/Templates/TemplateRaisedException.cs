namespace Hadal.Tokenization.Templates;

/// <summary>A template refused a conversation by calling <c>raise_exception</c>: its author's words to whoever sent the messages.</summary>
public sealed class TemplateRaisedException : TemplateException
{
    /// <summary>Carries what a template said.</summary>
    /// <param name="template">The template's name.</param>
    /// <param name="line">The line of the call, counted from 1.</param>
    /// <param name="column">The column of the call, counted from 1.</param>
    /// <param name="raised">What the template said.</param>
    public TemplateRaisedException(string template, int line, int column, string raised)
        : base(template, line, column, $"the template refuses these messages: {Quote(raised)}") => Raised = raised;

    /// <summary>What the template said, whole.</summary>
    public string Raised { get; }
}
