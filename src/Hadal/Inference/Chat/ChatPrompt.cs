using Hadal.Inference.Chat.Parsing;

namespace Hadal.Inference.Chat;

/// <summary>What a model reads of a conversation.</summary>
/// <param name="Text">The text that the template wrote.</param>
/// <param name="Ids">Its tokens; only what the template wrote can be control.</param>
public sealed record ChatPrompt(string Text, IReadOnlyList<int> Ids)
{
    internal ThinkTags Tags { get; init; }

    internal RequiredCall? Required { get; init; }
}
