namespace Hadal.Training;

/// <summary>What one step of reinforcement learning sampled and did.</summary>
public sealed record PolicyStepMetrics : TrainingEvent
{
    /// <summary>Steps that the whole run makes.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>Mean of the total reward.</summary>
    public required double Reward { get; init; }

    /// <summary>Share of right answers; not a number where nothing is right or wrong.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Share of responses of the required form; not a number where none is.</summary>
    public required double Format { get; init; }

    /// <summary>Mean of the punishment of length before its weight, 0 to -1.</summary>
    public double LengthReward { get; init; }

    /// <summary>Mean share of words in the wanted language.</summary>
    public double LanguageReward { get; init; }

    /// <summary>Share of groups whose rewards are not all the same: the others teach nothing; not a number without groups.</summary>
    public required double GroupsWithSignal { get; init; }

    /// <summary>Rounds of sampling: more than one where other problems were asked in place of groups without signal; null where groups are not sampled so.</summary>
    public int? SamplingRounds { get; init; }

    /// <summary>Responses that were trained on; null where that is all of them.</summary>
    public int? TrainedResponses { get; init; }

    /// <summary>Mean tokens of a response.</summary>
    public required double ResponseTokens { get; init; }

    /// <summary>Share of responses that the limit of tokens cut off.</summary>
    public required double Truncated { get; init; }

    /// <summary>Mean entropy of the policy at its tokens, in nats.</summary>
    public required double Entropy { get; init; }

    /// <summary>Mean estimated KL to the reference per token, in nats; 0 without one.</summary>
    public required double Divergence { get; init; }

    /// <summary>Share of tokens held at a clip, over all updates of the step.</summary>
    public required double Clipped { get; init; }

    /// <summary>The loss, over all updates of the step.</summary>
    public required double Loss { get; init; }

    /// <summary>Euclidean norm of all gradients before clipping, of the last update.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>The learning rate.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Seconds that sampling and scoring took.</summary>
    public required double RolloutSeconds { get; init; }

    /// <summary>Seconds that the updates took.</summary>
    public required double UpdateSeconds { get; init; }

    /// <summary>Tokens sampled a second.</summary>
    public required double RolloutTokensPerSecond { get; init; }

    /// <summary>The response with the highest reward, its prompt before it.</summary>
    public required string Best { get; init; }

    /// <summary>The response with the lowest reward, its prompt before it.</summary>
    public required string Worst { get; init; }

    /// <summary>Loss of the value head, over all updates of the step; null without one.</summary>
    public double? ValueLoss { get; init; }

    /// <summary>Share of the variance of returns that the values had foreseen: 1 for all, 0 for no better than their mean; null without values.</summary>
    public double? ExplainedVariance { get; init; }

    /// <summary>What the last steps say about whether and why not the policy learns, in a sentence.</summary>
    public required string Diagnosis { get; init; }

    internal override void TellTo(ITrainingObserver observer) => observer.Stepped(this);
}

/// <summary>How many held-out problems the policy solves.</summary>
public sealed record PolicyEvaluationMetrics : TrainingEvent
{
    /// <summary>Problems asked.</summary>
    public required int Problems { get; init; }

    /// <summary>Share solved by one greedy answer each; not a number where nothing is right or wrong.</summary>
    public required double Accuracy { get; init; }

    /// <summary>The same of each task where several are asked at once; null where it is one.</summary>
    public IReadOnlyDictionary<string, double>? AccuracyByTask { get; init; }

    /// <summary>Mean tokens of a response.</summary>
    public required double ResponseTokens { get; init; }

    /// <summary>Mean of the total reward; null in recordings of before it was noted.</summary>
    public double? Reward { get; init; }

    internal override void TellTo(ITrainingObserver observer) => observer.Evaluated(this);
}
