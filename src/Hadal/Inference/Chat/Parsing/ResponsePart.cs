namespace Hadal.Inference.Chat.Parsing;

/// <summary>What a stretch of a response is; one of the three is set.</summary>
/// <param name="Reasoning">Thoughts.</param>
/// <param name="Content">What is said.</param>
/// <param name="Call">A call of a tool.</param>
internal sealed record ResponsePart(string? Reasoning = null, string? Content = null, ToolCall? Call = null);
