using Hadal.Inference.Chat;
using Hadal.Server.Contracts;

namespace Hadal.Server.Endpoints;

/// <summary>The library's answers in OpenAI's words.</summary>
internal static class ChatNames
{
    public static string Finish(ChatFinish finish) => finish switch
    {
        ChatFinish.Stop => "stop",
        ChatFinish.Length => "length",
        ChatFinish.ToolCalls => "tool_calls",
        _ => throw new ArgumentOutOfRangeException(nameof(finish), finish, "expected one of the three ends"),
    };

    public static ToolCallResponse ToolCall(ToolCall call, int? index = null) =>
        new(call.Id, "function", new FunctionResponse(call.Name, call.Arguments)) { Index = index };

    public static UsageResponse Usage(ChatUsage usage) => new(usage.PromptTokens, usage.CompletionTokens, usage.PromptTokens + usage.CompletionTokens)
    {
        PromptTokensDetails = new PromptTokensDetails(usage.CachedTokens),
        CompletionTokensDetails = new CompletionTokensDetails(usage.ReasoningTokens),
    };

    public static string NewId() => $"chatcmpl-{Guid.NewGuid():N}";
}
