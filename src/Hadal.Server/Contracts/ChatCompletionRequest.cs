using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hadal.Server.Contracts;

/// <summary>The body of POST /v1/chat/completions.</summary>
internal sealed class ChatCompletionRequest : SampledRequest
{
    public List<RequestMessage?>? Messages { get; init; }

    public int? MaxCompletionTokens { get; init; }

    public bool? Logprobs { get; init; }

    public int? TopLogprobs { get; init; }

    /// <summary>An object with <c>type</c>: text, json_object or json_schema.</summary>
    public RequestFormat? ResponseFormat { get; init; }

    public List<JsonElement>? Tools { get; init; }

    /// <summary>none, auto, required, or an object that names a function.</summary>
    public JsonElement? ToolChoice { get; init; }

    public bool? ParallelToolCalls { get; init; }

    /// <summary>A variable for the template: some know <c>reasoning_effort</c>.</summary>
    public string? ReasoningEffort { get; init; }

    /// <summary>Further variables for the template, an object.</summary>
    public JsonElement? ChatTemplateKwargs { get; init; }

    /// <summary>Only ["text"] is made here.</summary>
    public List<string?>? Modalities { get; init; }
}

/// <summary>A message of the conversation.</summary>
internal sealed class RequestMessage
{
    public string? Role { get; init; }

    /// <summary>A string, or an array of parts.</summary>
    public JsonElement? Content { get; init; }

    public string? Name { get; init; }

    public string? ReasoningContent { get; init; }

    public JsonElement? ToolCalls { get; init; }

    public string? ToolCallId { get; init; }

    /// <summary>Members that only a template may know, and those of answers that clients send back.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>What an answer has to look like.</summary>
internal sealed class RequestFormat
{
    public string? Type { get; init; }

    public RequestSchema? JsonSchema { get; init; }
}

/// <summary>A named schema.</summary>
internal sealed class RequestSchema
{
    public string? Name { get; init; }

    public string? Description { get; init; }

    public JsonElement? Schema { get; init; }

    /// <summary>Schemas always hold here, whatever this says.</summary>
    public bool? Strict { get; init; }
}
