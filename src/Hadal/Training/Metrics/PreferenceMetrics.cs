namespace Hadal.Training;

/// <summary>What one step on pairs of a chosen and a rejected answer did, before its update.</summary>
public sealed record PreferenceStepMetrics : TrainingEvent
{
    /// <summary>Steps that the whole run makes.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>Tokens of prompts and answers trained on so far.</summary>
    public required long Tokens { get; init; }

    /// <summary>How often the pairs have been gone through, fractions included.</summary>
    public required double Epoch { get; init; }

    /// <summary>The loss.</summary>
    public required double Loss { get; init; }

    /// <summary>Mean reward of the chosen answers: β (log π - log reference) in DPO, the score of a reward model.</summary>
    public required double ChosenReward { get; init; }

    /// <summary>The same of the rejected answers.</summary>
    public required double RejectedReward { get; init; }

    /// <summary>Mean of the chosen reward less the rejected one.</summary>
    public required double Margin { get; init; }

    /// <summary>Share of pairs whose chosen reward is the higher one; equal ones count half.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Mean log π of the chosen answers under the policy, in nats an answer (a token in IPO); null for a reward model.</summary>
    public double? ChosenLogProbability { get; init; }

    /// <summary>The same of the rejected answers.</summary>
    public double? RejectedLogProbability { get; init; }

    /// <summary>Euclidean norm of all gradients together, before clipping.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>The learning rate.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Seconds that the step took.</summary>
    public required double StepSeconds { get; init; }

    /// <summary>Tokens of this step by its seconds.</summary>
    public required double TokensPerSecond { get; init; }

    internal override void TellTo(ITrainingObserver observer) => observer.Stepped(this);
}

/// <summary>How well held-out pairs are told apart.</summary>
public sealed record PreferenceEvaluationMetrics : TrainingEvent
{
    /// <summary>Pairs measured on.</summary>
    public required int Pairs { get; init; }

    /// <summary>The loss.</summary>
    public required double Loss { get; init; }

    /// <summary>Mean of the chosen reward less the rejected one.</summary>
    public required double Margin { get; init; }

    /// <summary>Share of pairs whose chosen reward is the higher one; equal ones count half.</summary>
    public required double Accuracy { get; init; }

    internal override void TellTo(ITrainingObserver observer) => observer.Evaluated(this);
}
