using Hadal.Data;
using Hadal.Reinforcement.Rewards;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;

namespace Hadal.Reinforcement.Rollouts;

/// <summary>How a question becomes a prompt.</summary>
public enum PromptStyle
{
    /// <summary>The question, a line break, and <c>&lt;think&gt;</c>: for base models that were pretrained on text of this form.</summary>
    Plain,

    /// <summary>R1-Zero's words around the question (DeepSeek-R1, arXiv 2501.12948, table 1): for base models that read English.</summary>
    R1Zero,

    /// <summary>The model's chat template with the question as the user's turn.</summary>
    Chat,
}

/// <summary>Writes the prompts of a run.</summary>
public sealed class PromptWriter
{
    private readonly PromptStyle _style;
    private readonly Tokenizer _tokenizer;
    private readonly ChatTemplate? _template;

    /// <summary>Prepares a style for a model.</summary>
    /// <exception cref="TemplateException">The style needs a chat template, and the model's can't be used.</exception>
    /// <exception cref="TokenizerException">The style needs a chat template, and the model has none.</exception>
    public PromptWriter(PromptStyle style, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_style, _tokenizer) = (style, tokenizer);
        if (style != PromptStyle.Chat) return;
        string source = tokenizer.ChatTemplate ?? throw new TokenizerException("the model", "it has no chat template, expected one for prompts in the form of a chat");
        _template = ChatTemplate.Parse(source, "chat_template");
    }

    /// <summary>Whether the prompt ends with <c>&lt;think&gt;</c>, so that the response begins within.</summary>
    public bool OpensThinking => _style == PromptStyle.Plain;

    /// <summary>The prompt's text.</summary>
    public string Text(string question) => _style switch
    {
        PromptStyle.Plain => $"{question}\n{ResponseFormat.ThinkOpening}",
        PromptStyle.R1Zero => ResponseFormat.R1ZeroPrompt(question),
        _ => _template!.Render([new ChatMessage("user", question)], addGenerationPrompt: true, ChatTemplateOptions.Default),
    };

    /// <summary>The prompt's tokens. Only a template's own words may name special tokens.</summary>
    public int[] Tokens(string question) => _tokenizer.Encode(Text(question), addSpecial: _style != PromptStyle.Chat, parseSpecial: _style == PromptStyle.Chat);
}
