using Hadal.Numerics;

namespace Hadal.Training;

/// <summary>Which rule turns gradients into new weights.</summary>
public enum OptimizerKind
{
    /// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101) for every parameter.</summary>
    AdamW,

    /// <summary>
    /// Muon (Keller Jordan 2024) for the matrices of hidden layers, each expert by itself; AdamW for embedding, head, router, norms and biases.
    /// </summary>
    Muon,
}

/// <summary>Which parameters weight decay shrinks.</summary>
public enum DecayedParameters
{
    /// <summary>All matrices: not norms and biases.</summary>
    Matrices,

    /// <summary>All matrices but the token embedding, whose rare rows would shrink at every step and grow at few.</summary>
    MatricesExceptEmbedding,

    /// <summary>Every parameter, norms and biases included.</summary>
    All,
}

/// <summary>How weights are trained. The defaults are those of DeepSeek-V3 (arXiv 2412.19437, section 4.2).</summary>
public sealed record OptimizerOptions
{
    /// <summary>The rule.</summary>
    public OptimizerKind Kind { get; init; } = OptimizerKind.AdamW;

    /// <summary>Decay of the first moments, in [0, 1).</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the second moments, in [0, 1).</summary>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>λ: each step takes learning rate * λ of a weight away, beside what the gradient does.</summary>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>What decays.</summary>
    public DecayedParameters Decayed { get; init; } = DecayedParameters.Matrices;

    /// <summary>
    /// How moments and momentum are held: F32, or BF16 as in DeepSeek-V3 (section 3.3.3), rounded to nearest even: no random bits to save
    /// and restore. Rounding undoes changes below 2^-8 of a moment, so one that moves by 1 - β of the way to its gradient stops short
    /// of it by up to 2^-8 / (1 - β): 4 % at β1 = 0.9, 8 % at β2 = 0.95, which is noise. At 0.999 it would never move:
    /// <see cref="Validate"/> refuses BF16 with decays above <see cref="LargestNarrowDecay"/>.
    /// </summary>
    public ElementType Moments { get; init; } = ElementType.F32;

    /// <summary>The L2 norm of all gradients together that clipping allows; null not to clip.</summary>
    public double? MaxGradientNorm { get; init; } = 1;

    /// <summary>Settings of <see cref="OptimizerKind.Muon"/>.</summary>
    public MuonOptions Muon { get; init; } = new();

    /// <summary>The largest decay allowed for moments in BF16: even at rest, without gradients, they move by more than rounding undoes.</summary>
    public const double LargestNarrowDecay = 0.99;

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentException">One is out of range; the message names it.</exception>
    public void Validate()
    {
        Require(Enum.IsDefined(Kind), nameof(Kind), Kind, "AdamW or Muon");
        Require(Enum.IsDefined(Decayed), nameof(Decayed), Decayed, "Matrices, MatricesExceptEmbedding or All");
        Require(Beta1 is >= 0 and < 1, nameof(Beta1), Beta1, "at least 0 and below 1");
        Require(Beta2 is >= 0 and < 1, nameof(Beta2), Beta2, "at least 0 and below 1");
        Require(Epsilon > 0 && (float)Epsilon > 0 && double.IsFinite(Epsilon), nameof(Epsilon), Epsilon, "a positive F32 number");
        Require(WeightDecay >= 0 && double.IsFinite(WeightDecay), nameof(WeightDecay), WeightDecay, "at least 0");
        Require(Moments is ElementType.F32 or ElementType.BF16, nameof(Moments), Moments, "F32 or BF16");
        Require(MaxGradientNorm is null or (> 0 and < double.PositiveInfinity), nameof(MaxGradientNorm), MaxGradientNorm, "a positive number or null");
        Require(Muon is not null, nameof(Muon), "null", "an object");
        Muon!.Validate();
        if (Moments == ElementType.F32) return;
        Require(Beta1 <= LargestNarrowDecay, nameof(Beta1), Beta1, $"at most {LargestNarrowDecay} with moments in BF16");
        Require(Beta2 <= LargestNarrowDecay, nameof(Beta2), Beta2, $"at most {LargestNarrowDecay} with moments in BF16");
        if (Kind == OptimizerKind.Muon)
        {
            Require(Muon.Momentum <= LargestNarrowDecay, nameof(Muon.Momentum), Muon.Momentum, $"at most {LargestNarrowDecay} in BF16");
        }
    }

    internal static void Require(bool holds, string name, object? found, string expected)
    {
        if (holds) return;
        string text = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{name} is {found}, expected {expected}.");
        throw new ArgumentException(text, name);
    }
}

/// <summary>Settings of Muon, by default those of "Muon is scalable" (Liu et al. 2025, arXiv 2502.16982).</summary>
public sealed record MuonOptions
{
    /// <summary>μ, in [0, 1).</summary>
    public double Momentum { get; init; } = 0.95;

    /// <summary>Whether the direction is Nesterov's.</summary>
    public bool Nesterov { get; init; } = true;

    /// <summary>Newton-Schulz iterations.</summary>
    public int NewtonSchulzSteps { get; init; } = 5;

    /// <summary>
    /// An orthogonal update is scaled by this times √(max(outputs, inputs)), which gives its elements the root mean square that AdamW's
    /// have, so that learning rates and weight decay carry over (arXiv 2502.16982, section 2.2).
    /// </summary>
    public double UpdateScale { get; init; } = 0.2;

    /// <summary>Factor of the learning rate for the matrices that Muon trains.</summary>
    public double MatrixLearningRateFactor { get; init; } = 1;

    /// <summary>Factor of the learning rate for the parameters that AdamW trains beside Muon.</summary>
    public double AdamWLearningRateFactor { get; init; } = 1;

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentException">One is out of range; the message names it.</exception>
    public void Validate()
    {
        OptimizerOptions.Require(Momentum is >= 0 and < 1, nameof(Momentum), Momentum, "at least 0 and below 1");
        OptimizerOptions.Require(NewtonSchulzSteps is >= 1 and <= 100, nameof(NewtonSchulzSteps), NewtonSchulzSteps, "1 to 100");
        RequirePositive(nameof(UpdateScale), UpdateScale);
        RequirePositive(nameof(MatrixLearningRateFactor), MatrixLearningRateFactor);
        RequirePositive(nameof(AdamWLearningRateFactor), AdamWLearningRateFactor);

        static void RequirePositive(string name, double value) =>
            OptimizerOptions.Require(value > 0 && double.IsFinite(value), name, value, "a positive number");
    }
}
