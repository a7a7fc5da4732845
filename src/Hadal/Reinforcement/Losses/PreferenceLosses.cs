namespace Hadal.Reinforcement.Losses;

/// <summary>
/// Losses on pairs of a chosen and a rejected response: DPO and its variants, and the reward model of Bradley and Terry. All are
/// functions of a margin, one for each pair; the gradient is with respect to it.
/// </summary>
public static class PreferenceLosses
{
    /// <summary>
    /// DPO's margins: (log π(chosen) - log ref(chosen)) - (log π(rejected) - log ref(rejected)). Sums over tokens for DPO, hinge and
    /// robust, means (<see cref="SequenceScores.Means"/>) for IPO.
    /// </summary>
    /// <exception cref="ArgumentException">Lengths don't agree.</exception>
    public static float[] Margins(
        ReadOnlySpan<float> chosen, ReadOnlySpan<float> rejected, ReadOnlySpan<float> referenceChosen, ReadOnlySpan<float> referenceRejected)
    {
        PolicyBatch.Require(rejected.Length, chosen.Length, nameof(rejected));
        PolicyBatch.Require(referenceChosen.Length, chosen.Length, nameof(referenceChosen));
        PolicyBatch.Require(referenceRejected.Length, chosen.Length, nameof(referenceRejected));
        float[] margins = new float[chosen.Length];
        for (int i = 0; i < margins.Length; i++)
        {
            margins[i] = (float)((double)chosen[i] - referenceChosen[i] - ((double)rejected[i] - referenceRejected[i]));
        }

        return margins;
    }

    /// <summary>DPO: -log σ(β m) (Rafailov et al. 2023, arXiv 2305.18290, equation 7).</summary>
    public static LossAndGradient Dpo(ReadOnlySpan<float> margins, double beta = 0.1)
    {
        float[] gradient = new float[margins.Length];
        double sum = 0;
        for (int i = 0; i < margins.Length; i++)
        {
            sum += SoftPlus(-beta * margins[i]);
            gradient[i] = (float)(-beta * Sigmoid(-beta * margins[i]) / margins.Length);
        }

        return new LossAndGradient(sum / margins.Length, gradient);
    }

    /// <summary>IPO: (m - 1 / 2β)² on margins of mean log-probabilities (Azar et al. 2023, arXiv 2310.12036, equation 17).</summary>
    public static LossAndGradient Ipo(ReadOnlySpan<float> margins, double beta = 0.1)
    {
        float[] gradient = new float[margins.Length];
        double sum = 0;
        for (int i = 0; i < margins.Length; i++)
        {
            double distance = margins[i] - 1 / (2 * beta);
            sum += distance * distance;
            gradient[i] = (float)(2 * distance / margins.Length);
        }

        return new LossAndGradient(sum / margins.Length, gradient);
    }

    /// <summary>Hinge: max(0, 1 - β m) (SLiC-HF, arXiv 2305.10425; RSO, arXiv 2309.06657).</summary>
    public static LossAndGradient Hinge(ReadOnlySpan<float> margins, double beta = 0.1)
    {
        float[] gradient = new float[margins.Length];
        double sum = 0;
        for (int i = 0; i < margins.Length; i++)
        {
            double slack = 1 - beta * margins[i];
            if (slack <= 0) continue;
            sum += slack;
            gradient[i] = (float)(-beta / margins.Length);
        }

        return new LossAndGradient(sum / margins.Length, gradient);
    }

    /// <summary>
    /// Robust DPO: unbiased where a share of the pairs is the wrong way round (Chowdhury et al. 2024, arXiv 2403.00409, equation 12).
    /// </summary>
    /// <param name="margins">One for each pair.</param>
    /// <param name="flipped">The share of wrong pairs, from 0 to less than a half.</param>
    /// <param name="beta">β.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is not in its range.</exception>
    public static LossAndGradient Robust(ReadOnlySpan<float> margins, double flipped, double beta = 0.1)
    {
        if (!(flipped is >= 0 and < 0.5)) throw new ArgumentOutOfRangeException(nameof(flipped), flipped, "expected 0 or more and less than a half");
        float[] gradient = new float[margins.Length];
        double sum = 0, scale = 1 / ((1 - 2 * flipped) * margins.Length);
        for (int i = 0; i < margins.Length; i++)
        {
            double m = beta * margins[i];
            sum += scale * ((1 - flipped) * SoftPlus(-m) - flipped * SoftPlus(m));
            gradient[i] = (float)(-beta * scale * ((1 - flipped) * Sigmoid(-m) + flipped * Sigmoid(m)));
        }

        return new LossAndGradient(sum, gradient);
    }

    /// <summary>
    /// A reward model's loss: -log σ(r(chosen) - r(rejected)) (Bradley and Terry 1952; arXiv 2203.02155, equation 1). The gradient is for
    /// r(chosen) and, with its sign turned, for r(rejected).
    /// </summary>
    /// <param name="margins">r(chosen) - r(rejected), one for each pair.</param>
    public static LossAndGradient BradleyTerry(ReadOnlySpan<float> margins) => Dpo(margins, beta: 1);

    // log(1 + exp(x)) without overflow.
    private static double SoftPlus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    private static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));
}
