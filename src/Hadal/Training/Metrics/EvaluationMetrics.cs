namespace Hadal.Training;

/// <summary>How well the model predicts text held back from training.</summary>
public sealed record EvaluationMetrics : TrainingEvent
{
    /// <summary>Mean cross entropy, in nats per token.</summary>
    public required double Loss { get; init; }

    /// <summary>Tokens predicted.</summary>
    public required long Tokens { get; init; }

    /// <summary>Nats per byte of the text, which compares models of different vocabularies; null if the text's bytes aren't known.</summary>
    public double? NatsPerByte { get; init; }

    /// <summary>Whether the exponential moving average of the weights was measured, instead of the weights.</summary>
    public bool FromAverage { get; init; }

    internal override void TellTo(ITrainingObserver observer) => observer.Evaluated(this);
}
