namespace Hadal.Training;

/// <summary>A problem with all the answers that a model gave to it, right and wrong. The texts are the model's: anything may be in them.</summary>
public sealed record SampledProblem : TrainingEvent
{
    /// <summary>What was asked.</summary>
    public required string Question { get; init; }

    /// <summary>What was answered, in the order of sampling.</summary>
    public required IReadOnlyList<SampledAnswer> Answers { get; init; }

    /// <summary>Nobody watches single problems: they are too many.</summary>
    internal override void TellTo(ITrainingObserver observer)
    {
    }
}

/// <summary>One of several answers to a problem.</summary>
/// <param name="Text">The answer, without what the prompt had opened.</param>
/// <param name="Tokens">Its length.</param>
/// <param name="Verified">Whether it was checked and found right.</param>
/// <param name="Truncated">Whether the limit of tokens cut it off.</param>
public sealed record SampledAnswer(string Text, int Tokens, bool Verified, bool Truncated);
