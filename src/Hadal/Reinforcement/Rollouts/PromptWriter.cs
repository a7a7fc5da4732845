using Hadal.Reinforcement.Rewards;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;

namespace Hadal.Reinforcement.Rollouts;

/// <summary>Writes the prompts of a run, and answers behind them as the model would have drawn them.</summary>
public sealed class PromptWriter
{
    private readonly PromptStyle _style;
    private readonly Tokenizer _tokenizer;
    private readonly ChatTemplateOptions _options;
    private readonly ChatTemplate? _template;

    /// <summary>Prepares a style for a model.</summary>
    /// <exception cref="TemplateException">The style needs a chat template, and the model's can't be used.</exception>
    /// <exception cref="TokenizerException">The style needs a chat template, and the model has none.</exception>
    public PromptWriter(PromptStyle style, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_style, _tokenizer, _options) = (style, tokenizer, ChatTemplateOptions.Of(tokenizer));
        if (style != PromptStyle.Chat) return;
        string source = tokenizer.ChatTemplate ?? throw new TokenizerException("the model", "it has no chat template, expected one for prompts in the form of a chat");
        _template = ChatTemplate.Parse(source, "chat_template");
    }

    /// <summary>Whether the prompt ends with <c>&lt;think&gt;</c>, as R1's own chat template does, so that the response begins within.</summary>
    /// <exception cref="TemplateException">The template refuses a question.</exception>
    public bool OpensThinking => _style == PromptStyle.Plain || (_template is not null && Text("?").TrimEnd().EndsWith(ResponseFormat.ThinkOpening, StringComparison.Ordinal));

    /// <summary>The style for answers that need no tags: the chat template where the model has one.</summary>
    public static PromptStyle StyleOf(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return tokenizer.ChatTemplate is null ? PromptStyle.Line : PromptStyle.Chat;
    }

    /// <summary>The prompt's text.</summary>
    public string Text(string question) => Text([new ChatMessage("user", question)]);

    /// <summary>The prompt's tokens. Only a template's own words may name special tokens.</summary>
    public int[] Tokens(string question) => Tokens([new ChatMessage("user", question)]);

    /// <summary>The text of a prompt that may be a conversation.</summary>
    /// <exception cref="TemplateException">The template refuses the messages.</exception>
    /// <exception cref="TokenizerException">There are several messages, and no template to write them.</exception>
    public string Text(IReadOnlyList<ChatMessage> messages)
    {
        if (_template is not null) return _template.Render(messages, addGenerationPrompt: true, _options);
        string question = messages is [{ Role: "user", Content: { } content }]
            ? content
            : throw new TokenizerException("the prompt", $"it has {messages?.Count} messages, expected one of the user, or prompts in the form of a chat");
        return _style switch
        {
            PromptStyle.Plain => $"{question}\n{ResponseFormat.ThinkOpening}",
            PromptStyle.R1Zero => ResponseFormat.R1ZeroPrompt(question),
            _ => $"{question}\n",
        };
    }

    /// <summary>The tokens of a prompt that may be a conversation.</summary>
    /// <exception cref="TemplateException">The template refuses the messages.</exception>
    /// <exception cref="TokenizerException">There are several messages, and no template to write them.</exception>
    public int[] Tokens(IReadOnlyList<ChatMessage> messages) => _template is null
        ? _tokenizer.Encode(Text(messages), addSpecial: true)
        : _tokenizer.EncodeChat(_template.RenderWithForeignSpans(messages, addGenerationPrompt: true, _options));

    /// <summary>The tokens of an answer behind a prompt, up to and with the end of text.</summary>
    /// <param name="messages">The prompt.</param>
    /// <param name="answer">What the assistant says.</param>
    /// <exception cref="TemplateException">The template refuses the messages.</exception>
    /// <exception cref="TokenizerException">The template writes answers otherwise than behind its generation prompt, or the answer has no token.</exception>
    public int[] AnswerTokens(IReadOnlyList<ChatMessage> messages, string answer)
    {
        int[] ids = _template is null ? _tokenizer.Encode(answer) : _tokenizer.EncodeChat(Answer(_template, messages, answer));
        int end = Array.FindIndex(ids, _tokenizer.EosIds.Contains);
        if (end >= 0) ids = ids[..(end + 1)];
        else if (_tokenizer.EosIds.Count > 0) ids = [.. ids, _tokenizer.EosIds[0]];
        return ids.Length > 0 ? ids : throw new TokenizerException("the tokenizer", "it has no end of text, expected one so that an answer without words has a token");
    }

    // What the template writes behind the generation prompt.
    private RenderedChat Answer(ChatTemplate template, IReadOnlyList<ChatMessage> messages, string answer)
    {
        RenderedChat whole = template.RenderWithForeignSpans([.. messages, new ChatMessage("assistant", answer)], addGenerationPrompt: false, _options);
        string prompt = Text(messages);
        if (!whole.Text.StartsWith(prompt, StringComparison.Ordinal))
        {
            throw new TokenizerException("the chat template", "it writes an answer otherwise than behind its generation prompt, so there is no telling what the assistant says");
        }

        TextSpan[] foreign = [.. whole.ForeignSpans.Where(span => span.Start >= prompt.Length).Select(span => span with { Start = span.Start - prompt.Length })];
        return new RenderedChat(whole.Text[prompt.Length..], []) { ForeignSpans = foreign };
    }
}
