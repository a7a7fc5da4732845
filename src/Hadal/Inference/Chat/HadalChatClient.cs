using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Hadal.Inference.Chat;

/// <summary>
/// A model of this process behind the interface of Microsoft.Extensions.AI. Thoughts come as <see cref="TextReasoningContent"/>, calls of
/// tools as <see cref="FunctionCallContent"/>; usage and the reason of the end are on the last update. It keeps no conversation: each call
/// is given all of it, and the engine still has what it computed of it before. Any number of callers may use one.
/// </summary>
/// <example>
/// <code>
/// using Transformer model = ModelReader.Read("DeepSeek-R1-Distill-Qwen-1.5B");
/// Tokenizer tokenizer = Tokenizer.Load("DeepSeek-R1-Distill-Qwen-1.5B");
/// using InferenceEngine engine = new(model, tokenizer);
/// using IChatClient client = new HadalChatClient(new ChatModel(engine, ChatTemplate.Parse(tokenizer.ChatTemplate!, "the model's template")));
/// await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync("What is the deepest part of the sea called?"))
/// {
///     Console.Write(update.Text);
/// }
/// </code>
/// </example>
/// <param name="model">The model; it stays the caller's.</param>
/// <param name="modelId">Its name in responses.</param>
public sealed class HadalChatClient(ChatModel model, string? modelId = null) : IChatClient
{
    private readonly ChatClientMetadata _metadata = new("hadal", defaultModelId: modelId);

    /// <summary>Lets the model answer, and tells what it says as it does.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">
    /// Temperature, TopP, TopK, the penalties, Seed, StopSequences, MaxOutputTokens, ResponseFormat, Instructions, Tools and ToolMode count;
    /// Reasoning turns thinking on or off for templates that let it be turned. Without a seed every call draws anew. What they don't say
    /// is taken from the <see cref="ChatRequest"/> that RawRepresentationFactory makes, if it makes one. They are not changed.
    /// </param>
    /// <param name="cancellationToken">Stops the work at the next token.</param>
    /// <exception cref="ArgumentException">The request makes no sense for this model.</exception>
    /// <exception cref="NotSupportedException">A message or a tool is of a kind that the model can't be given.</exception>
    /// <exception cref="Tokenization.Templates.TemplateException">The model's template refuses the conversation.</exception>
    /// <exception cref="EngineBusyException">The engine's queue is full.</exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ChatRequest request = ChatRequests.Of(messages, options, options?.RawRepresentationFactory?.Invoke(this) as ChatRequest);
        bool tellsThoughts = options?.Reasoning?.Output != ReasoningOutput.None;
        string id = $"chatcmpl-{Guid.NewGuid():N}";
        DateTimeOffset created = DateTimeOffset.UtcNow;
        await foreach (ChatUpdate update in model.RespondAsync(request, cancellationToken).ConfigureAwait(false))
        {
            List<AIContent> contents = [];
            if (update.Reasoning is { } thought && tellsThoughts) contents.Add(new TextReasoningContent(thought));
            if (update.Content is { } text) contents.Add(new TextContent(text));
            if (update.ToolCall is { } call) contents.Add(Call(call));
            if (update.Usage is { } usage) contents.Add(new UsageContent(Details(usage)));
            if (contents.Count == 0 && update.Finish is null) continue;
            yield return new ChatResponseUpdate(ChatRole.Assistant, contents)
            {
                ResponseId = id,
                MessageId = id,
                CreatedAt = created,
                ModelId = modelId,
                FinishReason = update.Finish is { } finish ? Reason(finish) : null,
                RawRepresentation = update,
            };
        }
    }

    /// <summary>Lets the model answer, and tells the whole answer.</summary>
    /// <inheritdoc cref="GetStreamingResponseAsync"/>
    public Task<Microsoft.Extensions.AI.ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    /// <summary>The client itself, its <see cref="ChatClientMetadata"/>, the <see cref="ChatModel"/> or its <see cref="InferenceEngine"/>.</summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        return Array.Find<object>([this, _metadata, model, model.Engine], serviceType.IsInstanceOfType);
    }

    /// <summary>Does nothing: the model stays the caller's.</summary>
    public void Dispose()
    {
    }

    private static FunctionCallContent Call(ToolCall call) => FunctionCallContent.CreateFromParsedArguments(
        call.Arguments, call.Id, call.Name, json => JsonSerializer.Deserialize<Dictionary<string, object?>>(json, AIJsonUtilities.DefaultOptions));

    private static UsageDetails Details(ChatUsage usage) => new()
    {
        InputTokenCount = usage.PromptTokens,
        CachedInputTokenCount = usage.CachedTokens,
        OutputTokenCount = usage.CompletionTokens,
        ReasoningTokenCount = usage.ReasoningTokens,
        TotalTokenCount = usage.PromptTokens + usage.CompletionTokens,
    };

    private static ChatFinishReason Reason(ChatFinish finish) => finish switch
    {
        ChatFinish.Length => ChatFinishReason.Length,
        ChatFinish.ToolCalls => ChatFinishReason.ToolCalls,
        _ => ChatFinishReason.Stop,
    };
}
