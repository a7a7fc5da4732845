using System.Text.Json;
using Hadal.Tokenization.Templates;

namespace Hadal.Inference.Chat;

/// <summary>A conversation that the assistant is to continue.</summary>
public sealed record ChatRequest
{
    /// <summary>What was said so far.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>Tools that the assistant may call, as OpenAI describes them: objects with <c>type</c> and <c>function</c>.</summary>
    public IReadOnlyList<JsonElement> Tools { get; init; } = [];

    /// <summary>Whether the assistant may, or has to, call them.</summary>
    public ToolChoice ToolChoice { get; init; } = ToolChoice.Auto;

    /// <summary>How tokens are drawn.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Most tokens of an answer, thoughts included; null takes what the context leaves.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Answers to draw.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>An answer ends before the first of these.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Alternatives told with each token; see <see cref="GenerationRequest.TopLogProbs"/>.</summary>
    public int? TopLogProbs { get; init; }

    /// <summary>What the answer, after its thoughts, has to look like.</summary>
    public ResponseFormat Format { get; init; } = ResponseFormat.Text;

    /// <summary>Variables for the template beside the usual ones, an object; for example <c>enable_thinking</c>.</summary>
    public JsonElement? TemplateVariables { get; init; }
}

/// <summary>What an answer has to look like.</summary>
public sealed record ResponseFormat
{
    private ResponseFormat()
    {
    }

    /// <summary>Anything.</summary>
    public static ResponseFormat Text { get; } = new();

    /// <summary>A JSON object.</summary>
    public static ResponseFormat JsonObject { get; } = new() { IsJson = true };

    /// <summary>Whether it is JSON.</summary>
    public bool IsJson { get; private init; }

    /// <summary>The schema it follows; null for any object.</summary>
    public JsonElement? Schema { get; private init; }

    /// <summary>JSON that follows a schema.</summary>
    public static ResponseFormat JsonSchema(JsonElement schema) => new() { IsJson = true, Schema = schema };
}

/// <summary>Whether an assistant may, or has to, call tools.</summary>
public sealed record ToolChoice
{
    private ToolChoice()
    {
    }

    /// <summary>The assistant decides.</summary>
    public static ToolChoice Auto { get; } = new();

    /// <summary>It calls none, and is not told of any.</summary>
    public static ToolChoice None { get; } = new() { IsNone = true };

    /// <summary>It calls one of the tools.</summary>
    public static ToolChoice Required { get; } = new() { IsRequired = true };

    /// <summary>Whether no tool may be called.</summary>
    public bool IsNone { get; private init; }

    /// <summary>Whether a tool has to be called.</summary>
    public bool IsRequired { get; private init; }

    /// <summary>The tool that has to be called; null if there is a choice.</summary>
    public string? Name { get; private init; }

    /// <summary>It calls this tool.</summary>
    public static ToolChoice Function(string name) => new() { IsRequired = true, Name = name };
}
