using Hadal.Tokenization;
using Hadal.Tokenization.Templates;

namespace Hadal.Data;

/// <summary>How conversations become text: a template, with its text, which tells one cached tokenization from another.</summary>
public sealed class ChatFormat
{
    /// <summary>Reads a template.</summary>
    /// <param name="source">Its text.</param>
    /// <param name="name">Its name, for exceptions.</param>
    /// <param name="options">What it reads besides the messages.</param>
    /// <exception cref="TemplateException">The text is no template, or uses something of Jinja2 that isn't read.</exception>
    public ChatFormat(string source, string name, ChatTemplateOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Template = ChatTemplate.Parse(source, name);
        Options = options;
    }

    /// <summary>The template's text.</summary>
    public string Source => Template.Source;

    /// <summary>The template.</summary>
    public ChatTemplate Template { get; }

    /// <summary>What it reads besides the messages.</summary>
    public ChatTemplateOptions Options { get; }

    /// <summary>The template that came with a tokenizer, with its BOS and EOS; null if none did.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="name">The template's name, for exceptions: the model that it belongs to.</param>
    /// <exception cref="TemplateException">The tokenizer's template can't be read.</exception>
    public static ChatFormat? Of(Tokenizer tokenizer, string name)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (tokenizer.ChatTemplate is not { } source) return null;
        return new ChatFormat(source, name, ChatTemplateOptions.Of(tokenizer));
    }
}
