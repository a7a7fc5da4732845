using System.Text;

namespace Hadal.Tokenization.Templates;

/// <summary>
/// A chat template can't be parsed or rendered. The message is one sentence: the template, the line and the column, what was found, what
/// was expected.
/// </summary>
public class TemplateException : Exception
{
    // Texts come from templates and messages, so a sentence could otherwise be as long as they are.
    private const int LongestQuote = 120;

    /// <summary>Describes a problem at a place in a template.</summary>
    /// <param name="template">The template's name.</param>
    /// <param name="line">The line, counted from 1.</param>
    /// <param name="column">The column, counted from 1.</param>
    /// <param name="problem">The rest of the sentence, without its full stop.</param>
    /// <param name="innerException">What the system said, if it was the system.</param>
    public TemplateException(string template, int line, int column, string problem, Exception? innerException = null)
        : base($"{template}, line {line}, column {column}: {problem}.", innerException)
    {
        Template = template;
        Line = line;
        Column = column;
    }

    /// <summary>Describes a problem of what a template is given rather than of a place in it.</summary>
    /// <param name="template">The template's name.</param>
    /// <param name="problem">The rest of the sentence, without its full stop.</param>
    /// <param name="innerException">What the system said, if it was the system.</param>
    public TemplateException(string template, string problem, Exception? innerException = null)
        : base($"{template}: {problem}.", innerException) => Template = template;

    /// <summary>The template's name.</summary>
    public string Template { get; }

    /// <summary>The line of the problem, counted from 1; 0 if it has no place in the template.</summary>
    public int Line { get; }

    /// <summary>The column of the problem, counted from 1; 0 if it has no place in the template.</summary>
    public int Column { get; }

    /// <summary>Text in quotes: cut to a length that fits a sentence, control characters escaped.</summary>
    internal static string Quote(string text)
    {
        StringBuilder quoted = new("'");
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, LongestQuote)))
        {
            if (char.IsControl(c) || char.IsSurrogate(c)) quoted.Append(@"\u").Append(((int)c).ToString("x4", null));
            else quoted.Append(c);
        }

        return quoted.Append(text.Length > LongestQuote ? "...'" : "'").ToString();
    }
}
