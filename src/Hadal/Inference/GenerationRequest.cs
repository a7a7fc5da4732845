namespace Hadal.Inference;

/// <summary>A prompt to continue.</summary>
/// <param name="Prompt">Token ids, at least one.</param>
/// <param name="MaxTokens">Most tokens to add.</param>
/// <param name="Sampling">How tokens are drawn.</param>
public sealed record GenerationRequest(IReadOnlyList<int> Prompt, int MaxTokens, SamplingOptions Sampling)
{
    /// <summary>Continuations to draw; they share the prompt's work. Sample i draws as a request with the seed <c>Sampling.Seed + i</c> would.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>A continuation ends before the first of these texts, wherever token boundaries lie.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Alternatives whose log-probabilities are told with each token; 0 tells only the drawn token's, null none.</summary>
    public int? TopLogProbs { get; init; }

    /// <summary>Special tokens that are told as text all the same; others are left out of it.</summary>
    public IReadOnlyCollection<int> ShownSpecials { get; init; } = [];

    /// <summary>What the text has to look like, for example JSON of a schema.</summary>
    public TokenConstraint? Constraint { get; init; }
}

/// <summary>Why a continuation ended.</summary>
public enum FinishReason
{
    /// <summary>The model ended the text, a stop string came, or a constraint is fulfilled.</summary>
    Stop,

    /// <summary>The allowed number of tokens, or the model's context, was used up.</summary>
    Length,
}
