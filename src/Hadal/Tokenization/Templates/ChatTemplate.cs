using Hadal.Tokenization.Templates.Evaluation;
using Hadal.Tokenization.Templates.Syntax;

namespace Hadal.Tokenization.Templates;

/// <summary>
/// A chat template: the program, in a part of the language Jinja2, by which a model's makers turn messages into the text that the model was
/// trained on. It renders what Hugging Face renders. A template is a stranger's program, so it can reach nothing but what it is given, and
/// can spend only what <see cref="ChatTemplateOptions"/> allows. Templates are immutable and can be rendered by many threads at once.
/// </summary>
public sealed class ChatTemplate
{
    private readonly Statement[] _body;

    private ChatTemplate(string name, string source, Statement[] body, bool marksGeneration)
    {
        (Name, Source) = (name, source);
        MarksGeneration = marksGeneration;
        _body = body;
    }

    /// <summary>The name that messages of exceptions give.</summary>
    public string Name { get; }

    /// <summary>Its text.</summary>
    public string Source { get; }

    /// <summary>Whether the template says itself what the assistant's words are, with <c>{% generation %}</c> blocks.</summary>
    public bool MarksGeneration { get; }

    /// <summary>Reads a template.</summary>
    /// <param name="source">Its text.</param>
    /// <param name="name">Its name, for exceptions: the file or the model that it comes from.</param>
    /// <exception cref="TemplateException">The text is no template, or uses something of Jinja2 that isn't read.</exception>
    public static ChatTemplate Parse(string source, string name)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(name);
        (Statement[] body, bool marksGeneration) = TemplateParser.Parse(source, name);
        return new ChatTemplate(name, source, body, marksGeneration);
    }

    /// <summary>Turns messages into the text that the model reads.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="addGenerationPrompt">Whether the text ends where the assistant is to start speaking.</param>
    /// <param name="options">What the template reads besides, and what it may cost.</param>
    /// <exception cref="TemplateRaisedException">The template refuses the messages.</exception>
    /// <exception cref="TemplateException">The template fails on them, or costs too much.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, ChatTemplateOptions options) =>
        RenderChat(messages, addGenerationPrompt, options).Text;

    /// <summary>Turns messages into the text that the model reads, and says what in it is foreign to the template.</summary>
    /// <inheritdoc cref="Render"/>
    public RenderedChat RenderWithForeignSpans(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, ChatTemplateOptions options) =>
        RenderChat(messages, addGenerationPrompt, options);

    /// <summary>
    /// Turns a conversation into texts for training, with the spans that the assistant speaks.
    /// <para>
    /// A template with generation blocks gives one text and its blocks. With any other, a turn of the assistant is what follows the
    /// generation prompt: the difference between the messages before it with a generation prompt and the messages up to it without. It
    /// includes what ends the turn.
    /// </para>
    /// <para>
    /// Some templates write a turn otherwise once another follows it: they drop its thinking. Such a turn is trained on as the model will
    /// meet it, as the last one. So a new text begins where the conversation so far is no longer the start of the conversation with the
    /// next turn, and of every text only the turns that are new in it are in its spans; every turn is in one span of one text. The messages
    /// behind the last turn belong to the last text if they leave it as it is.
    /// </para>
    /// <para>Rendering prefixes makes this quadratic in the number of turns.</para>
    /// </summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">What the template reads besides, and what it may cost.</param>
    /// <exception cref="TemplateRaisedException">The template refuses the messages, or the first few of them.</exception>
    /// <exception cref="TemplateException">
    /// The template fails on the messages, or writes a turn that doesn't start with its generation prompt, so that there is no telling what
    /// the assistant says: the templates of R1 do, which drop the thinking of the last turn too.
    /// </exception>
    public IReadOnlyList<RenderedChat> RenderWithAssistantSpans(IReadOnlyList<ChatMessage> messages, ChatTemplateOptions options) =>
        MarksGeneration ? [RenderChat(messages, addGenerationPrompt: false, options)] : AssistantTurns.Render(this, messages, options);

    private RenderedChat RenderChat(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, ChatTemplateOptions options)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(options);
        Run run = new(Name, options) { At = new Position(1, 1) };
        return TemplateRunner.Render(run, _body, ChatVariables.Make(run, messages, addGenerationPrompt, options));
    }
}
