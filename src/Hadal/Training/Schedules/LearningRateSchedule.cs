namespace Hadal.Training;

/// <summary>
/// The learning rate as a function of the step: a linear warm-up, then what the schedule is named for. Rates are proportional to
/// <paramref name="Peak"/>, so that one number moves the whole curve.
/// </summary>
/// <remarks>
/// Steps count from 0. Warm-up runs from 0 before the first step to the peak at step <paramref name="WarmupSteps"/>, so no step is wasted
/// on a rate of zero. A decay that ends with the run reaches its end where the step after the last would be, for the same reason.
/// Fractions of the run are rounded to whole steps, and nothing starts before the warm-up has ended.
/// </remarks>
/// <param name="Peak">The largest rate.</param>
/// <param name="WarmupSteps">Steps below the peak; 0 to begin with it.</param>
public abstract record LearningRateSchedule(double Peak, long WarmupSteps)
{
    /// <summary>The rate of a step.</summary>
    /// <param name="step">The step, from 0; beyond the last the rate stays where the curve ends.</param>
    /// <param name="totalSteps">Steps of the whole run.</param>
    /// <exception cref="ArgumentOutOfRangeException">The step is negative, or there are no steps.</exception>
    /// <exception cref="ArgumentException">The warm-up is longer than the run.</exception>
    public double At(long step, long totalSteps)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(totalSteps);
        OptimizerOptions.Require(WarmupSteps <= totalSteps, nameof(WarmupSteps), WarmupSteps, $"at most the run's {totalSteps} steps");
        return step < WarmupSteps ? Peak * (step + 1) / (WarmupSteps + 1) : Peak * Factor(Math.Min(step, totalSteps), totalSteps);
    }

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentException">One is out of range; the message names it.</exception>
    public virtual void Validate()
    {
        OptimizerOptions.Require(Peak > 0 && double.IsFinite(Peak), nameof(Peak), Peak, "a positive number");
        OptimizerOptions.Require(WarmupSteps >= 0, nameof(WarmupSteps), WarmupSteps, "at least 0");
    }

    /// <summary>The share of the peak after the warm-up, for steps from <see cref="WarmupSteps"/> to the total.</summary>
    internal abstract double Factor(long step, long total);

    /// <summary>The first step of what begins at a fraction of the run.</summary>
    internal long Boundary(double fraction, long total) =>
        Math.Clamp((long)Math.Round(fraction * total, MidpointRounding.AwayFromZero), WarmupSteps, total);

    /// <summary>How much of the way from one step to another is done, 0 to 1; done if there is no way.</summary>
    internal static double Progress(long step, long from, long to) => step >= to ? 1 : step <= from ? 0 : (double)(step - from) / (to - from);

    /// <summary>Half a cosine from 1 at progress 0 to <paramref name="end"/> at progress 1.</summary>
    internal static double HalfCosine(double progress, double end) =>
        progress >= 1 ? end : end + (1 - end) * 0.5 * (1 + Math.Cos(Math.PI * progress));

    internal static void RequireRatio(string name, double value) => OptimizerOptions.Require(value is >= 0 and <= 1, name, value, "0 to 1");
}

/// <summary>The peak throughout.</summary>
/// <param name="Peak">The rate.</param>
/// <param name="WarmupSteps">Steps below it.</param>
public sealed record ConstantSchedule(double Peak, long WarmupSteps) : LearningRateSchedule(Peak, WarmupSteps)
{
    internal override double Factor(long step, long total) => 1;
}

/// <summary>Half a cosine from the peak down to the end of the run (Loshchilov and Hutter 2017, arXiv 1608.03983, without restarts).</summary>
/// <param name="Peak">The largest rate.</param>
/// <param name="WarmupSteps">Steps below it at the start.</param>
/// <param name="FinalRatio">The rate at the end, as a share of the peak.</param>
public sealed record CosineSchedule(double Peak, long WarmupSteps, double FinalRatio) : LearningRateSchedule(Peak, WarmupSteps)
{
    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        RequireRatio(nameof(FinalRatio), FinalRatio);
    }

    internal override double Factor(long step, long total) => HalfCosine(Progress(step, WarmupSteps, total), FinalRatio);
}

/// <summary>The form of a decay.</summary>
public enum DecayShape
{
    /// <summary>A straight line.</summary>
    Linear,

    /// <summary>1 - √progress: fast at first (Hägele et al. 2024, arXiv 2405.18392).</summary>
    OneMinusRoot,

    /// <summary>Half a cosine.</summary>
    Cosine,
}

/// <summary>Warm-up, stable, decay (Hu et al. 2024, arXiv 2404.06395): the peak until a last stretch of the run, which brings it down.</summary>
/// <param name="Peak">The largest rate.</param>
/// <param name="WarmupSteps">Steps below it at the start.</param>
/// <param name="DecayFraction">The part of the run that decays.</param>
/// <param name="FinalRatio">The rate at the end, as a share of the peak.</param>
/// <param name="Shape">The form of the decay.</param>
public sealed record WarmupStableDecaySchedule(double Peak, long WarmupSteps, double DecayFraction, double FinalRatio, DecayShape Shape)
    : LearningRateSchedule(Peak, WarmupSteps)
{
    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        RequireRatio(nameof(DecayFraction), DecayFraction);
        RequireRatio(nameof(FinalRatio), FinalRatio);
        OptimizerOptions.Require(Enum.IsDefined(Shape), nameof(Shape), Shape, "Linear, OneMinusRoot or Cosine");
    }

    internal override double Factor(long step, long total)
    {
        long start = Boundary(1 - DecayFraction, total);
        if (step < start) return 1;
        double progress = Progress(step, start, total);
        return Shape switch
        {
            DecayShape.Linear => 1 - (1 - FinalRatio) * progress,
            DecayShape.OneMinusRoot => 1 - (1 - FinalRatio) * Math.Sqrt(progress),
            _ => HalfCosine(progress, FinalRatio),
        };
    }
}
