namespace Hadal.Training;

/// <summary>When to lower the learning rate because evaluations stop improving.</summary>
public sealed record PlateauOptions
{
    /// <summary>What the rate is multiplied by, in (0, 1).</summary>
    public double Factor { get; init; } = 0.5;

    /// <summary>Evaluations without improvement that are borne; the next one lowers the rate.</summary>
    public int Patience { get; init; } = 3;

    /// <summary>The share of the best metric by which a better one must be lower to count.</summary>
    public double Threshold { get; init; } = 1e-4;

    /// <summary>Evaluations after a reduction that do not count.</summary>
    public int Cooldown { get; init; }

    /// <summary>The multiplier never falls below this.</summary>
    public double MinimumMultiplier { get; init; } = 0.01;

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentException">One is out of range; the message names it.</exception>
    public void Validate()
    {
        OptimizerOptions.Require(Factor is > 0 and < 1, nameof(Factor), Factor, "above 0 and below 1");
        OptimizerOptions.Require(Patience >= 0, nameof(Patience), Patience, "at least 0");
        OptimizerOptions.Require(Threshold is >= 0 and < 1, nameof(Threshold), Threshold, "at least 0 and below 1");
        OptimizerOptions.Require(Cooldown >= 0, nameof(Cooldown), Cooldown, "at least 0");
        OptimizerOptions.Require(MinimumMultiplier is >= 0 and <= 1, nameof(MinimumMultiplier), MinimumMultiplier, "0 to 1");
    }
}

/// <summary>What <see cref="PlateauReduction"/> remembers: plain numbers for a checkpoint.</summary>
/// <param name="Multiplier">Factor of the scheduled rate.</param>
/// <param name="Best">The lowest metric that counted; null before the first.</param>
/// <param name="BadEvaluations">Evaluations since then, or since the last reduction.</param>
/// <param name="CooldownLeft">Evaluations that do not count yet.</param>
public sealed record PlateauState(double Multiplier = 1, double? Best = null, int BadEvaluations = 0, int CooldownLeft = 0);

/// <summary>
/// An adaptive learning rate: a multiplier beside any schedule that falls when a metric, lower being better, no longer improves. The rule is
/// that of torch.optim.lr_scheduler.ReduceLROnPlateau with a relative threshold, of the metric's magnitude, so that negative metrics work.
/// </summary>
public sealed class PlateauReduction
{
    /// <summary>Starts with multiplier 1.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public PlateauReduction(PlateauOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        Options = options;
    }

    /// <summary>When to lower.</summary>
    public PlateauOptions Options { get; }

    /// <summary>All that the future depends on; set it to go on where another left off.</summary>
    public PlateauState State { get; set; } = new();

    /// <summary>Factor of the scheduled rate.</summary>
    public double Multiplier => State.Multiplier;

    /// <summary>Takes an evaluation in. One that is not finite is no improvement.</summary>
    /// <param name="metric">Lower is better: a loss.</param>
    /// <returns>Whether the multiplier fell.</returns>
    public bool Observe(double metric)
    {
        (double multiplier, double? best, int bad, int cooldown) = State;
        bool improved = double.IsFinite(metric) && (best is not { } lowest || metric < lowest - Options.Threshold * Math.Abs(lowest));
        if (improved) (best, bad) = (metric, 0);
        else bad++;
        if (cooldown > 0) (cooldown, bad) = (cooldown - 1, 0);
        double reduced = Math.Max(multiplier * Options.Factor, Math.Min(multiplier, Options.MinimumMultiplier));
        bool reduces = bad > Options.Patience;
        if (reduces) (bad, cooldown) = (0, Options.Cooldown);
        State = new PlateauState(reduces ? reduced : multiplier, best, bad, cooldown);
        return reduces && reduced < multiplier;
    }
}
