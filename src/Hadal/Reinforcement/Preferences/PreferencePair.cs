using Hadal.Tokenization.Templates;

namespace Hadal.Reinforcement.Preferences;

/// <summary>Two answers to one prompt, of which someone preferred the first.</summary>
/// <param name="Prompt">The conversation up to the answer.</param>
/// <param name="Chosen">The better answer.</param>
/// <param name="Rejected">The worse answer.</param>
public sealed record PreferencePair(IReadOnlyList<ChatMessage> Prompt, string Chosen, string Rejected);

/// <summary>A pair in tokens.</summary>
/// <param name="Prompt">What both answers follow; one token or more.</param>
/// <param name="Chosen">The better answer with its end of text; one token or more.</param>
/// <param name="Rejected">The worse answer with its end of text; one token or more.</param>
internal sealed record EncodedPair(int[] Prompt, int[] Chosen, int[] Rejected)
{
    /// <summary>Tokens of the longer of both sequences.</summary>
    public int Length => Prompt.Length + Math.Max(Chosen.Length, Rejected.Length);

    /// <summary>Tokens that pass through a model to score both.</summary>
    public int Tokens => 2 * Prompt.Length + Chosen.Length + Rejected.Length;

    /// <summary>Whether there is nothing to prefer.</summary>
    public bool IsTie => Chosen.AsSpan().SequenceEqual(Rejected);
}
