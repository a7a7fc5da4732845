using System.Runtime.CompilerServices;
using System.Text.Json;
using Hadal.Inference.Chat.Parsing;
using Hadal.Tokenization.Templates;

namespace Hadal.Inference.Chat;

/// <summary>A model that can be talked to: an engine and the chat template of its checkpoint. Any number of callers may use one.</summary>
public sealed class ChatModel
{
    private readonly ChatTemplateOptions _options;
    private readonly ToolCallFormat? _calls;
    private readonly EarlierCalls? _earlierCalls;
    private readonly bool _writesTools;
    private readonly int[] _markers;

    /// <summary>Joins an engine and a template; both stay the caller's.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="template">How conversations become text.</param>
    public ChatModel(InferenceEngine engine, ChatTemplate template)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(template);
        (Engine, Template) = (engine, template);
        _options = ChatTemplateOptions.Of(engine.Tokenizer);
        _calls = ToolCallFormat.Of(template.Source);
        _earlierCalls = EarlierCalls.Of(template, _options);
        _writesTools = WritesTools();
        string[] markers = ["<think>", "</think>", .. _calls?.Markers ?? []];
        _markers = [.. engine.Tokenizer.AddedTokens.Where(token => token.IsSpecial && markers.Contains(token.Content)).Select(token => token.Id)];
    }

    /// <summary>The engine.</summary>
    public InferenceEngine Engine { get; }

    /// <summary>How conversations become text.</summary>
    public ChatTemplate Template { get; }

    /// <summary>Whether the model can be given tools: its template writes them, and it is known how the model writes calls.</summary>
    public bool HasTools => _calls is not null && _writesTools;

    /// <summary>What the model reads when it is to answer.</summary>
    /// <exception cref="ArgumentException">The request makes no sense for this model.</exception>
    /// <exception cref="TemplateException">The template refuses the conversation.</exception>
    public ChatPrompt Prompt(ChatRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        Tool[] tools = Tools(request);
        RequiredCall? required = Required(request, tools);
        ChatMessage[] messages = [.. request.Messages.Select(message => _earlierCalls?.Apply(message) ?? message)];
        RenderedChat rendered = Template.RenderWithForeignSpans(
            messages, addGenerationPrompt: true, _options with { Tools = tools.Length > 0 ? request.Tools : null, Variables = request.TemplateVariables });

        // What the template wrote last, behind all messages.
        ReadOnlySpan<char> tail = rendered.Text.AsSpan(rendered.ForeignSpans.Count > 0 ? rendered.ForeignSpans[^1].End : 0).TrimEnd();
        ThinkTags tags = tail.EndsWith("<think>", StringComparison.Ordinal) ? ThinkTags.Opened
            : tail.EndsWith("</think>", StringComparison.Ordinal) ? ThinkTags.Closed : ThinkTags.Unsaid;
        if (required is not null)
        {
            rendered = Begin(required, tags == ThinkTags.Opened ? rendered with { Text = rendered.Text + "\n</think>\n\n" } : rendered);
            tags = ThinkTags.Closed;
        }

        int[] ids = Engine.Tokenizer.EncodeChat(rendered);
        if (ids.Length > 0 && ids.Length < Engine.ContextLength) return new ChatPrompt(rendered.Text, ids) { Tags = tags, Required = required };
        throw new ContextLengthException("the conversation", ids.Length, Engine.ContextLength - 1, "this model's context");
    }

    /// <summary>Lets the assistant answer. Ending the enumeration, or cancelling, stops the work.</summary>
    /// <exception cref="ArgumentException">The request makes no sense for this model; thrown before the first update.</exception>
    /// <exception cref="JsonSchemaException">The schema of the format, or of a tool that has to be called, can't be followed; likewise.</exception>
    /// <exception cref="TemplateException">The template refuses the conversation; thrown before the first update.</exception>
    /// <exception cref="EngineBusyException">The queue is full; thrown before the first update.</exception>
    public async IAsyncEnumerable<ChatUpdate> RespondAsync(ChatRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        ChatPrompt prompt = Prompt(request);
        int room = Engine.ContextLength - prompt.Ids.Count;
        GenerationRequest generation = new(prompt.Ids, Math.Min(request.MaxTokens ?? room, room), request.Sampling)
        {
            Samples = request.Samples,
            StopStrings = request.StopStrings,
            TopLogProbs = request.TopLogProbs,
            ShownSpecials = _markers,
            Constraint = Constraint(request, prompt),
        };
        HashSet<string>? names = Tools(request) is { Length: > 0 } tools ? [.. tools.Select(tool => tool.Name)] : null;
        ChatAnswer[] answers = [.. Enumerable.Range(0, request.Samples).Select(
            i => new ChatAnswer(i, new ResponseParser(prompt.Tags, names is null ? null : _calls!.CreateReader(names)), prompt.Required))];
        int running = answers.Length;
        await foreach (GenerationEvent e in Engine.GenerateAsync(generation, cancellation).ConfigureAwait(false))
        {
            List<ChatUpdate> updates = answers[e.Sample].Take(e, request.TopLogProbs is not null);
            if (e.Finish is not null && --running == 0)
            {
                updates[^1] = updates[^1] with
                {
                    Usage = new ChatUsage(prompt.Ids.Count, e.CachedTokens, answers.Sum(answer => answer.Tokens), answers.Sum(answer => answer.ReasoningTokens)),
                };
            }

            foreach (ChatUpdate update in updates) yield return update;
        }
    }

    // The tools that the model is told of.
    private Tool[] Tools(ChatRequest request)
    {
        if (request.Tools.Count == 0 && request.ToolChoice.IsRequired) throw new ArgumentException("a tool has to be called and there are none", nameof(request));
        if (request.Tools.Count == 0 || request.ToolChoice.IsNone) return [];
        if (!HasTools)
        {
            string why = _writesTools ? "how this model writes calls of tools is not known" : "the chat template does not tell the model of tools";
            throw new ArgumentException($"{Template.Name}: {why}, expected a request without tools", nameof(request));
        }

        if (request.Format.IsJson) throw new ArgumentException("an answer in JSON can't be asked for together with tools, expected one of the two", nameof(request));
        return [.. request.Tools.Select(Tool.Of)];
    }

    private RequiredCall? Required(ChatRequest request, Tool[] tools)
    {
        if (!request.ToolChoice.IsRequired) return null;
        if (request.ToolChoice.Name is { } name)
        {
            tools = [.. tools.Where(tool => tool.Name == name).Take(1)];
            if (tools.Length == 0) throw new ArgumentException($"the tool '{name}' has to be called, expected one of those given", nameof(request));
        }

        return _calls!.Require(tools) ?? throw new ArgumentException(
            tools.Length > 1 && _calls.Require(tools[..1]) is not null
                ? "this model can't be held to call one of several tools, expected the name of the one to call"
                : "this model can't be held to call a tool, expected the choice to be its own",
            nameof(request));
    }

    private static RenderedChat Begin(RequiredCall call, RenderedChat chat) => chat with
    {
        Text = chat.Text + call.Before,
        ForeignSpans = call.Name.Length == 0 ? chat.ForeignSpans : [.. chat.ForeignSpans, new TextSpan(chat.Text.Length + call.Opening.Length, call.Name.Length)],
    };

    // A model that thinks is held to the format once it has thought; where it isn't known whether it will, from the start.
    private TokenConstraint? Constraint(ChatRequest request, ChatPrompt prompt)
    {
        JsonElement? schema = prompt.Required?.Schema ?? request.Format.Schema;
        if (!request.Format.IsJson && schema is null) return null;
        IReadOnlyList<int> ends = Engine.Model.Config.EosTokenIds;
        TokenConstraint constraint = schema is { } given ? TokenConstraint.JsonSchema(Engine.Tokenizer, given, ends) : TokenConstraint.Json(Engine.Tokenizer, ends);
        return prompt.Tags == ThinkTags.Opened ? constraint.After("</think>") : constraint;
    }

    // A template that writes the same with a tool as without leaves its model in the dark.
    private bool WritesTools()
    {
        const string Needle = "needle_in_the_haystack";
        JsonElement tool = JsonSerializer.SerializeToElement(
            new { type = "function", function = new { name = Needle, description = "Finds.", parameters = new { type = "object", properties = new { } } } });
        try
        {
            return Template.Render([new("user", "Hello.")], addGenerationPrompt: true, _options with { Tools = [tool] }).Contains(Needle, StringComparison.Ordinal);
        }
        catch (TemplateException)
        {
            return false;
        }
    }
}
