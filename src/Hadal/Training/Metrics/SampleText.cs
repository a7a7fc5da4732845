namespace Hadal.Training;

/// <summary>What the model writes at a step. The text is the model's: anything may be in it.</summary>
public sealed record SampleText : TrainingEvent
{
    /// <summary>What it was given.</summary>
    public required string Prompt { get; init; }

    /// <summary>What it made of it, without the prompt.</summary>
    public required string Text { get; init; }

    internal override void TellTo(ITrainingObserver observer) => observer.Sampled(this);
}
