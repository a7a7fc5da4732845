using System.Text.Json;
using Microsoft.Extensions.AI;
using TemplateMessage = Hadal.Tokenization.Templates.ChatMessage;

namespace Hadal.Inference.Chat;

/// <summary>Requests of Microsoft.Extensions.AI as requests of this library.</summary>
internal static class ChatRequests
{
    private static readonly JsonSerializerOptions s_compact = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };

    public static ChatRequest Of(IEnumerable<ChatMessage> messages, ChatOptions? options, ChatRequest? start)
    {
        List<TemplateMessage> said = [];
        if (options?.Instructions is { Length: > 0 } instructions) said.Add(new TemplateMessage("system", instructions));
        foreach (ChatMessage message in messages) said.AddRange(Messages(message));
        start ??= new ChatRequest { Messages = [], Sampling = new SamplingOptions { Seed = Random.Shared.NextInt64() } };
        ChatRequest request = start with { Messages = said, Samples = 1 };
        return options is null ? request : Apply(request, options);
    }

    private static ChatRequest Apply(ChatRequest request, ChatOptions options)
    {
        SamplingOptions sampling = request.Sampling;
        return request with
        {
            Sampling = sampling with
            {
                Temperature = options.Temperature ?? sampling.Temperature,
                TopP = options.TopP ?? sampling.TopP,
                TopK = options.TopK ?? sampling.TopK,
                PresencePenalty = options.PresencePenalty ?? sampling.PresencePenalty,
                FrequencyPenalty = options.FrequencyPenalty ?? sampling.FrequencyPenalty,
                Seed = options.Seed ?? sampling.Seed,
            },
            MaxTokens = options.MaxOutputTokens ?? request.MaxTokens,
            StopStrings = options.StopSequences is { Count: > 0 } stops ? [.. stops] : request.StopStrings,
            Format = options.ResponseFormat is { } format ? Format(format) : request.Format,
            Tools = options.Tools is { Count: > 0 } tools ? [.. tools.Select(Tool)] : request.Tools,
            ToolChoice = options.ToolMode switch
            {
                null => request.ToolChoice,
                NoneChatToolMode => ToolChoice.None,
                RequiredChatToolMode { RequiredFunctionName: { } name } => ToolChoice.Function(name),
                RequiredChatToolMode => ToolChoice.Required,
                _ => ToolChoice.Auto,
            },
            TemplateVariables = request.TemplateVariables ?? Thinking(options.Reasoning?.Effort),
        };
    }

    // Qwen's templates read enable_thinking, DeepSeek's thinking; others neither.
    private static JsonElement? Thinking(ReasoningEffort? effort) => effort is null
        ? null
        : JsonSerializer.SerializeToElement(new { thinking = effort != ReasoningEffort.None, enable_thinking = effort != ReasoningEffort.None });

    private static ResponseFormat Format(ChatResponseFormat format) =>
        format is not ChatResponseFormatJson json ? ResponseFormat.Text
        : json.Schema is { } schema ? ResponseFormat.JsonSchema(schema) : ResponseFormat.JsonObject;

    private static JsonElement Tool(AITool tool) => tool is AIFunctionDeclaration function
        ? JsonSerializer.SerializeToElement(
            new { type = "function", function = new { name = function.Name, description = function.Description, parameters = function.JsonSchema } })
        : throw new NotSupportedException($"the tool '{tool.Name}' is a {tool.GetType().Name}, expected an AIFunctionDeclaration");

    private static IEnumerable<TemplateMessage> Messages(ChatMessage message)
    {
        string? text = null, thought = null;
        List<object> calls = [];
        List<TemplateMessage> results = [];
        foreach (AIContent content in message.Contents)
        {
            switch (content)
            {
                case TextReasoningContent reasoning:
                    thought += reasoning.Text;
                    break;
                case TextContent said:
                    text += said.Text;
                    break;
                case FunctionCallContent call:
                    JsonElement arguments = JsonSerializer.SerializeToElement(call.Arguments ?? new Dictionary<string, object?>(), AIJsonUtilities.DefaultOptions);
                    calls.Add(new { id = call.CallId, type = "function", function = new { name = call.Name, arguments } });
                    break;
                case FunctionResultContent result:
                    results.Add(new TemplateMessage("tool", Result(result)) { ToolCallId = result.CallId });
                    break;
                case UsageContent or ErrorContent:
                    break;
                default: throw new NotSupportedException($"a message has a {content.GetType().Name}, expected text, thoughts, calls of functions or their results");
            }
        }

        if (results.Count == 0 || text is not null || calls.Count > 0)
        {
            yield return new TemplateMessage(message.Role.Value, text ?? (calls.Count > 0 ? null : ""))
            {
                ReasoningContent = thought,
                ToolCalls = calls.Count > 0 ? JsonSerializer.SerializeToElement(calls) : null,
                Name = message.AuthorName,
            };
        }

        foreach (TemplateMessage result in results) yield return result;
    }

    private static string Result(FunctionResultContent result) => result.Result switch
    {
        null when result.Exception is { } e => $"Error: {e.Message}",
        null => "",
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } text => text.GetString()!,
        object value => JsonSerializer.Serialize(value, s_compact),
    };
}
