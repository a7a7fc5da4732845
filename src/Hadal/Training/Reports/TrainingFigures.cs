namespace Hadal.Training.Reports;

/// <summary>The numbers at the head of a report.</summary>
internal static class TrainingFigures
{
    // The end of a run is judged by more than its last step, which is one batch.
    private const double LastShare = 0.05;

    public static IReadOnlyList<Figure> Of(TrainingRun run)
    {
        StepMetrics[] steps = [.. run.Events.OfType<StepMetrics>()];
        EvaluationMetrics[] evaluations = [.. run.Events.OfType<EvaluationMetrics>().Where(e => double.IsFinite(e.Loss))];
        List<Figure> figures = [];
        if (steps.Length > 0) Losses(figures, steps);
        if (evaluations.Length > 0)
        {
            EvaluationMetrics best = evaluations.MinBy(e => e.Loss)!, last = evaluations[^1];
            string perByte = last.NatsPerByte is { } bytes ? $"{Quantity.Number(bytes)} nats per byte" : "nats per token";
            figures.Add(new("Evaluation loss", Quantity.Number(last.Loss), perByte));
            figures.Add(new("Best evaluation", Quantity.Number(best.Loss), $"at step {best.Step:N0}"));
        }

        if (run.Parameters is { } parameters)
        {
            figures.Add(new("Parameters", Quantity.Count(parameters), run.ActiveParameters is { } active ? $"{Quantity.Count(active)} active" : ""));
        }

        if (steps.Length > 0) Costs(figures, run, steps);
        return figures;
    }

    private static void Losses(List<Figure> figures, StepMetrics[] steps)
    {
        StepMetrics[] end = [.. steps[^Math.Max(1, (int)(steps.Length * LastShare))..]];
        figures.Add(new("Training loss", Quantity.Number(end.Average(s => s.Loss)), end.Length == 1 ? "last step" : $"mean of the last {end.Length} steps"));
        if (end[^1].MtpLoss is not null) figures.Add(new("MTP loss", Quantity.Number(end.Average(s => s.MtpLoss ?? double.NaN))));
    }

    private static void Costs(List<Figure> figures, TrainingRun run, StepMetrics[] steps)
    {
        StepMetrics last = steps[^1];
        figures.Add(new("Steps", $"{last.Step:N0}", last.Step < last.TotalSteps ? $"of {last.TotalSteps:N0}" : ""));
        figures.Add(new("Tokens", Quantity.Count(last.Tokens), $"{Quantity.Number(last.Epoch, 3)} epochs"));
        figures.Add(new("Training time", Quantity.Duration(TimeSpan.FromSeconds(steps.Sum(s => s.StepSeconds)))));
        figures.Add(new("Throughput", Quantity.Count(Median(steps.Select(s => s.TokensPerSecond))), "tokens/s, median"));
        double[] utilisations = [.. steps.Select(s => s.ModelFlopUtilisation).OfType<double>()];
        if (utilisations.Length > 0) figures.Add(new("FLOP utilisation", Quantity.Percent(Median(utilisations)), "of the measured peak, median"));
        if (run.FlopsPerToken is { } flops) figures.Add(new("Arithmetic", Quantity.Number(flops * last.Tokens, 3), "FLOPs of the model"));
        if (LoadBalance.OfLastTenth(run.Events) is { } balance) figures.Add(new("MaxVio", Quantity.Number(balance.Mean, 3), $"last tenth, mean of layers; worst {Quantity.Number(balance.Worst, 3)}"));
        figures.Add(new("Clipped", Quantity.Percent((double)steps.Count(s => s.WasClipped) / steps.Length), "of steps"));
        figures.Add(new("Peak memory", Quantity.Bytes(last.PeakBytes)));
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[sorted.Length / 2] + sorted[(sorted.Length - 1) / 2]) / 2;
    }
}
