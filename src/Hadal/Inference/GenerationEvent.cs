namespace Hadal.Inference;

/// <summary>A token and how probable the model found it.</summary>
/// <param name="Token">The token.</param>
/// <param name="LogProb">
/// Its log-probability in nats under the model's own distribution (temperature 1, before filters); not a number where none was asked for.
/// </param>
public readonly record struct TokenScore(int Token, float LogProb);

/// <summary>Something that happened to one sample of a request.</summary>
/// <param name="Sample">Which sample, from 0.</param>
/// <param name="Text">Text that is now certain; may be empty, as bytes of a character or the beginning of a stop string are held back.</param>
public sealed record GenerationEvent(int Sample, string Text)
{
    /// <summary>The token drawn; null where only held-back text or the end is told. End-of-text tokens are not told.</summary>
    public TokenScore? Token { get; init; }

    /// <summary>The most probable tokens in its place, best first, as many as were asked for.</summary>
    public IReadOnlyList<TokenScore> Alternatives { get; init; } = [];

    /// <summary>Set on the last event of a sample.</summary>
    public FinishReason? Finish { get; init; }

    /// <summary>On the last event of a sample that the model ended itself: the end-of-text token that it drew.</summary>
    public int? EndToken { get; init; }

    /// <summary>On the last event of a sample: tokens of the prompt that had been computed before the request came.</summary>
    public int CachedTokens { get; init; }
}
