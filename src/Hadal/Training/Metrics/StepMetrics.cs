namespace Hadal.Training;

/// <summary>What one step of training cost and brought.</summary>
public sealed record StepMetrics : TrainingEvent
{
    /// <summary>Updates that the whole run makes.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>Tokens trained on so far, this step's included.</summary>
    public required long Tokens { get; init; }

    /// <summary>How often the data has been gone through, fractions included.</summary>
    public required double Epoch { get; init; }

    /// <summary>Mean cross entropy of the main model over this step's predicted tokens, in nats per token.</summary>
    public required double Loss { get; init; }

    /// <summary>Mean cross entropy of the multi-token-prediction modules before its weight λ, in nats per token; null without modules.</summary>
    public double? MtpLoss { get; init; }

    /// <summary>Mean divergence from the teacher before its weight, in nats per token; null without one.</summary>
    public double? TeacherDivergence { get; init; }

    /// <summary>Sequence-wise balance loss as it was added, its factor α included; null without one.</summary>
    public double? BalanceLoss { get; init; }

    /// <summary>The schedule's learning rate in this step.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Euclidean norm of all gradients together, before clipping.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>Whether the gradients were scaled down to the largest norm allowed.</summary>
    public required bool WasClipped { get; init; }

    /// <summary>Seconds that the step took, waiting for data included, evaluation and saving not.</summary>
    public required double StepSeconds { get; init; }

    /// <summary>Tokens of this step by its seconds.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>The model's arithmetic (not what was recomputed) by what the machine was measured to reach, 0 to 1; null if it wasn't measured.</summary>
    public double? ModelFlopUtilisation { get; init; }

    /// <summary>
    /// Mean over the layers of (largest load of an expert - mean load) / mean load: 0 when balanced. "Auxiliary-Loss-Free Load Balancing"
    /// (2408.15664) section 4.1; null without routed experts.
    /// </summary>
    public double? MaxVio { get; init; }

    /// <summary>The same of each layer with routed experts, lowest first.</summary>
    public IReadOnlyList<double>? MaxVioByLayer { get; init; }

    /// <summary>Tokens sent to each expert in this step, [layers with routed experts][experts]; may be left out in most steps to keep the file small.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? ExpertLoad { get; init; }

    /// <summary>Largest memory in use so far, in bytes.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>Tokens of a row.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Tokens of this step, all rows and micro-batches together.</summary>
    public required int BatchTokens { get; init; }

    internal override void TellTo(ITrainingObserver observer) => observer.Stepped(this);
}
