using Hadal.Models;

namespace Hadal.Training.Reports;

/// <summary>
/// How even the use of experts was over the last tenth of a run: the loads of those steps are added up first, which is MaxVio over many tokens
/// ("global" in 2408.15664, section 4.1) instead of the noise of one batch.
/// </summary>
/// <param name="Mean">MaxVio, mean over the layers.</param>
/// <param name="Worst">MaxVio of the most uneven layer.</param>
public sealed record LoadBalance(double Mean, double Worst)
{
    private const double From = 0.9;

    /// <summary>Adds up a run's loads; null for a model without experts.</summary>
    public static LoadBalance? OfLastTenth(IEnumerable<TrainingEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        StepMetrics[] steps = [.. events.OfType<StepMetrics>()];
        long[][]? sums = null;
        foreach (StepMetrics step in steps.Where(s => s.Step > From * steps[^1].Step))
        {
            if (step.ExpertLoad is not { } loads) continue;
            sums ??= [.. loads.Select(layer => new long[layer.Count])];
            for (int l = 0; l < sums.Length; l++)
            {
                for (int e = 0; e < sums[l].Length; e++) sums[l][e] += loads[l][e];
            }
        }

        if (sums is null) return null;
        double[] violations = [.. sums.Select(layer => ExpertLoad.MaxViolation(layer))];
        return new LoadBalance(violations.Average(), violations.Max());
    }
}
