namespace Hadal.Training;

/// <summary>The schedules that a recipe can name.</summary>
public enum LearningRateKind
{
    /// <summary><see cref="ConstantSchedule"/>.</summary>
    Constant,

    /// <summary><see cref="CosineSchedule"/>.</summary>
    Cosine,

    /// <summary><see cref="WarmupStableDecaySchedule"/>.</summary>
    WarmupStableDecay,

    /// <summary><see cref="DeepSeekV3Schedule"/>.</summary>
    DeepSeekV3,

    /// <summary><see cref="DeepSeekV2Schedule"/>.</summary>
    DeepSeekV2,
}

/// <summary>The learning rate as a recipe says it. What a kind does not use is ignored by it.</summary>
public sealed record LearningRateOptions
{
    /// <summary>The schedule.</summary>
    public LearningRateKind Kind { get; init; } = LearningRateKind.DeepSeekV3;

    /// <summary>The largest rate.</summary>
    public double Peak { get; init; } = 2.2e-4;

    /// <summary>Steps of linear warm-up.</summary>
    public long WarmupSteps { get; init; }

    /// <summary>The rate at the end as a share of the peak, for <c>Cosine</c> and <c>WarmupStableDecay</c>.</summary>
    public double FinalRatio { get; init; } = 0.1;

    /// <summary>The part of the run that decays, for <c>WarmupStableDecay</c>.</summary>
    public double DecayFraction { get; init; } = 0.2;

    /// <summary>The form of the decay, for <c>WarmupStableDecay</c>.</summary>
    public DecayShape DecayShape { get; init; } = DecayShape.OneMinusRoot;

    /// <summary>Lowers the whole curve when evaluations stop improving; null not to.</summary>
    public PlateauOptions? Plateau { get; init; }

    /// <summary>Makes the schedule.</summary>
    /// <exception cref="ArgumentException">A value is out of range; the message names it.</exception>
    public LearningRateSchedule Schedule()
    {
        LearningRateSchedule schedule = Kind switch
        {
            LearningRateKind.Constant => new ConstantSchedule(Peak, WarmupSteps),
            LearningRateKind.Cosine => new CosineSchedule(Peak, WarmupSteps, FinalRatio),
            LearningRateKind.WarmupStableDecay => new WarmupStableDecaySchedule(Peak, WarmupSteps, DecayFraction, FinalRatio, DecayShape),
            LearningRateKind.DeepSeekV3 => new DeepSeekV3Schedule(Peak, WarmupSteps),
            LearningRateKind.DeepSeekV2 => new DeepSeekV2Schedule(Peak, WarmupSteps),
            _ => throw new ArgumentException($"{nameof(Kind)} is {Kind}, expected one of {string.Join(", ", Enum.GetNames<LearningRateKind>())}."),
        };
        schedule.Validate();
        Plateau?.Validate();
        return schedule;
    }

    /// <summary>The rate of a step: see <see cref="LearningRateSchedule.At"/>.</summary>
    public double At(long step, long totalSteps) => Schedule().At(step, totalSteps);
}
