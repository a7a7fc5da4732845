namespace Hadal.Training;

/// <summary>
/// DeepSeek-V3's (arXiv 2412.19437, section 4.2): the peak, 2.2e-4, until 10 of 14.8 trillion tokens; a cosine down to 2.2e-5 over 4.3
/// trillion; 2.2e-5 for 333 billion; 7.3e-6 for the last 167 billion.
/// </summary>
/// <param name="Peak">The largest rate; 2.2e-4 in the paper.</param>
/// <param name="WarmupSteps">Steps below it at the start; 2,000 in the paper.</param>
public sealed record DeepSeekV3Schedule(double Peak, long WarmupSteps) : LearningRateSchedule(Peak, WarmupSteps)
{
    /// <summary>Where the cosine begins, as a fraction of the run.</summary>
    public double CosineFrom { get; init; } = 10 / 14.8;

    /// <summary>Where it has come down to <see cref="FirstTailRatio"/>.</summary>
    public double FirstTailFrom { get; init; } = 14.3 / 14.8;

    /// <summary>Where the rate drops to <see cref="SecondTailRatio"/>.</summary>
    public double SecondTailFrom { get; init; } = 14.633 / 14.8;

    /// <summary>Share of the peak in the first constant tail.</summary>
    public double FirstTailRatio { get; init; } = 0.1;

    /// <summary>Share of the peak in the second.</summary>
    public double SecondTailRatio { get; init; } = 7.3e-6 / 2.2e-4;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        RequireRatio(nameof(CosineFrom), CosineFrom);
        OptimizerOptions.Require(
            FirstTailFrom >= CosineFrom && FirstTailFrom <= 1, nameof(FirstTailFrom), FirstTailFrom, $"{nameof(CosineFrom)} to 1");
        OptimizerOptions.Require(
            SecondTailFrom >= FirstTailFrom && SecondTailFrom <= 1, nameof(SecondTailFrom), SecondTailFrom, $"{nameof(FirstTailFrom)} to 1");
        RequireRatio(nameof(FirstTailRatio), FirstTailRatio);
        RequireRatio(nameof(SecondTailRatio), SecondTailRatio);
    }

    internal override double Factor(long step, long total)
    {
        long cosine = Boundary(CosineFrom, total), first = Boundary(FirstTailFrom, total), second = Boundary(SecondTailFrom, total);
        return step < cosine ? 1
            : step >= second ? SecondTailRatio
            : HalfCosine(Progress(step, cosine, first), FirstTailRatio);
    }
}

/// <summary>
/// DeepSeek-V2's (arXiv 2405.04434, section 3.1.2): the peak, times 0.316 after about 60 % of the tokens, and again after about 90 %.
/// </summary>
/// <param name="Peak">The largest rate; 2.4e-4 in the paper.</param>
/// <param name="WarmupSteps">Steps below it at the start; 2,000 in the paper.</param>
public sealed record DeepSeekV2Schedule(double Peak, long WarmupSteps) : LearningRateSchedule(Peak, WarmupSteps)
{
    /// <summary>Where the rate drops first, as a fraction of the run.</summary>
    public double FirstDropAt { get; init; } = 0.6;

    /// <summary>Where it drops again.</summary>
    public double SecondDropAt { get; init; } = 0.9;

    /// <summary>What each drop multiplies by; 0.316 is the root of a tenth.</summary>
    public double DropFactor { get; init; } = 0.316;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        RequireRatio(nameof(FirstDropAt), FirstDropAt);
        OptimizerOptions.Require(
            SecondDropAt >= FirstDropAt && SecondDropAt <= 1, nameof(SecondDropAt), SecondDropAt, $"{nameof(FirstDropAt)} to 1");
        RequireRatio(nameof(DropFactor), DropFactor);
    }

    internal override double Factor(long step, long total) =>
        step < Boundary(FirstDropAt, total) ? 1 : step < Boundary(SecondDropAt, total) ? DropFactor : DropFactor * DropFactor;
}
