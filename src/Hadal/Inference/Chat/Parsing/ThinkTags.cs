namespace Hadal.Inference.Chat.Parsing;

/// <summary>How the generation prompt leaves the tags of R1 around the thoughts (DeepSeek-AI 2025, table 1).</summary>
internal enum ThinkTags
{
    /// <summary>It says nothing of them: a response that starts with the opening tag starts with thoughts.</summary>
    Unsaid,

    /// <summary>It opened them: the response starts within the thoughts.</summary>
    Opened,

    /// <summary>It closed them: the response has no thoughts.</summary>
    Closed,
}
