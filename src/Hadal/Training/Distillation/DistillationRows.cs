using Hadal.Numerics;

namespace Hadal.Training.Distillation;

/// <summary>
/// One row a part: writes the loss, or where gradients are given reads the loss's gradient and adds to the student's. In double
/// precision, log-probabilities first, so that rare tokens cost no digits.
/// </summary>
/// <param name="student">[rows, vocabulary].</param>
/// <param name="teacher">[rows, vocabulary].</param>
/// <param name="losses">[rows, 1]: the losses to write, or their gradients to read.</param>
/// <param name="gradients">[rows, vocabulary]: added to; null to compute losses.</param>
/// <param name="temperature">Divides the logits.</param>
/// <param name="mixture">β of the divergence.</param>
/// <param name="scale">Multiplies the loss.</param>
internal readonly struct DistillationRows(
    Matrix student, Matrix teacher, Matrix losses, Matrix? gradients, float temperature, double mixture, double scale) : IParallelJob
{
    public void Execute(int part)
    {
        ReadOnlySpan<float> s = student.Row(part), t = teacher.Row(part);
        double sNormaliser = LogSumExp(s), tNormaliser = LogSumExp(t), loss = 0;
        for (int i = 0; i < s.Length; i++) loss += Term((double)s[i] / temperature - sNormaliser, (double)t[i] / temperature - tNormaliser);
        if (gradients is not { } matrix)
        {
            losses.Row(part)[0] = (float)(scale * loss);
            return;
        }

        // For a divergence Σ f(S, T) the derivative by a logit is S (f' - Σ S f') / temperature.
        double mean = 0, factor = scale * losses.Row(part)[0] / temperature;
        for (int i = 0; i < s.Length; i++)
        {
            double logS = (double)s[i] / temperature - sNormaliser;
            mean += WeightedSlope(logS, (double)t[i] / temperature - tNormaliser);
        }

        Span<float> gradient = matrix.Row(part);
        for (int i = 0; i < s.Length; i++)
        {
            double logS = (double)s[i] / temperature - sNormaliser;
            gradient[i] += (float)(factor * (WeightedSlope(logS, (double)t[i] / temperature - tNormaliser) - Math.Exp(logS) * mean));
        }
    }

    // What a token adds to the divergence. A probability of zero adds nothing where it is a weight.
    private double Term(double logS, double logT)
    {
        if (mixture == 0) return Weighted(logT, logS);
        if (mixture == 1) return Weighted(logS, logT);
        double logM = LogMixture(logS, logT);
        return mixture * Weighted(logT, logM) + (1 - mixture) * Weighted(logS, logM);
    }

    // S times the derivative by S: -T; S log(S/T) (+ S, which the normalisation cancels); (1 - β) S log(S/M).
    private double WeightedSlope(double logS, double logT)
    {
        if (mixture == 0) return -Math.Exp(logT);
        return mixture == 1 ? Weighted(logS, logT) : (1 - mixture) * Weighted(logS, LogMixture(logS, logT));
    }

    private static double Weighted(double log, double other) => double.IsNegativeInfinity(log) ? 0 : Math.Exp(log) * (log - other);

    private double LogMixture(double logS, double logT)
    {
        double a = logS + Math.Log(1 - mixture), b = logT + Math.Log(mixture), larger = Math.Max(a, b);
        return double.IsNegativeInfinity(larger) ? larger : larger + Math.Log(Math.Exp(a - larger) + Math.Exp(b - larger));
    }

    private double LogSumExp(ReadOnlySpan<float> logits)
    {
        double largest = double.NegativeInfinity, sum = 0;
        foreach (float x in logits) largest = Math.Max(largest, (double)x / temperature);
        foreach (float x in logits) sum += Math.Exp((double)x / temperature - largest);
        return largest + Math.Log(sum);
    }
}
