namespace Hadal.Training.Reports;

/// <summary>The plots of one run or of several laid over each other, from what they told. Several have a colour each.</summary>
internal sealed class TrainingPlots(IReadOnlyList<TrainingRun> runs)
{
    private const string StepLabel = "step", LossLabel = "nats per token";

    // Where the first steep fall is over, and what is left can be told apart.
    private const double Later = 0.25;

    private readonly StepPlots<StepMetrics> _plots = new(runs);
    private readonly StepMetrics[][] _steps = [.. runs.Select(run => run.Events.OfType<StepMetrics>().ToArray())];

    private bool IsSingle => runs.Count == 1;

    /// <summary>The line plots that there are values for, the loss first.</summary>
    public IEnumerable<LinePlot> Lines() => new[]
    {
        Loss("Loss", StepLabel, (_, step) => step.Step),
        Loss("Loss after the first quarter", StepLabel, (_, step) => step.Step, from: Later),
        IsSingle ? null : Loss("Loss by tokens", "tokens", (_, step) => step.Tokens, from: Later),
        IsSingle || runs.Any(run => run.FlopsPerToken is null)
            ? null
            : Loss("Loss by arithmetic", "FLOPs", (run, step) => run.FlopsPerToken!.Value * step.Tokens, from: Later),
        IsSingle ? null : Loss("Loss by time", "seconds", TrainedSeconds(), from: Later),
        _plots.Noisy("Multi-token-prediction loss", LossLabel, step => step.MtpLoss),
        _plots.Noisy("Divergence from the teacher", LossLabel, step => step.TeacherDivergence),
        _plots.Of("Learning rate", "", step => step.LearningRate),
        _plots.Noisy("Gradient norm", "before clipping", step => step.GradientNorm) is { } norm ? norm with { LogY = true } : null,
        _plots.Noisy("Throughput", "tokens per second", step => step.TokensPerSecond),
        _plots.Noisy("Model FLOP utilisation", "share of the measured peak", step => step.ModelFlopUtilisation),
        _plots.Noisy("MaxVio", "mean of layers, 0 is balanced", step => step.MaxVio),
        _plots.Noisy("Sequence-wise balance loss", "nats", step => step.BalanceLoss),
    }.OfType<LinePlot>();

    /// <summary>The load of the experts over time, a map for each layer; one such figure for each run that told it.</summary>
    public IEnumerable<HeatMap> ExpertLoads()
    {
        for (int r = 0; r < runs.Count; r++)
        {
            StepMetrics[] told = [.. _steps[r].Where(step => step.ExpertLoad is { Count: > 0 })];
            if (told.Length == 0) continue;
            int layers = told.Max(step => step.ExpertLoad!.Count);
            string title = "Load of the experts by the mean of their layer";
            yield return new HeatMap(IsSingle ? title : $"{title}: {runs[r].Name}", StepLabel, "expert", [.. told.Select(step => (double)step.Step)],
                [.. Enumerable.Range(0, layers).Select(layer => new HeatMapPanel($"expert layer {layer + 1}", [.. told.Select(step => Ratios(step, layer))]))]);
        }
    }

    private static double[] Ratios(StepMetrics step, int layer)
    {
        if (layer >= step.ExpertLoad!.Count) return [];
        IReadOnlyList<int> load = step.ExpertLoad[layer];
        double mean = load.Count == 0 ? 0 : load.Average(tokens => (double)tokens);
        return [.. load.Select(tokens => tokens / mean)];
    }

    // Losses on an axis, from a share of its steps on; the raw ones only where they begin at the start, else their noise would hide the rest.
    private LinePlot? Loss(string title, string xLabel, Func<TrainingRun, StepMetrics, double> x, double from = 0)
    {
        List<PlotSeries> series = [];
        for (int r = 0; r < runs.Count; r++)
        {
            TrainingRun run = runs[r];
            int first = (int)(from * _steps[r].Length), colour = Colour(r);
            double[] at = [.. _steps[r].Select(step => x(run, step))], losses = [.. _steps[r].Select(step => step.Loss)];
            if (IsSingle && from == 0) series.Add(new PlotSeries("training", at, losses) { Form = SeriesForm.Faint, Colour = colour });
            series.Add(new PlotSeries(IsSingle ? "training, smoothed" : run.Name, at[first..], StepPlots<StepMetrics>.Smooth(losses)[first..]) { Colour = colour });
            foreach (IGrouping<bool, EvaluationMetrics> kind in run.Events.OfType<EvaluationMetrics>().GroupBy(e => e.FromAverage))
            {
                string name = kind.Key ? "evaluation of averaged weights" : "evaluation";
                EvaluationMetrics[] later = [.. kind.Where(e => from == 0 || (first < _steps[r].Length && e.Step >= _steps[r][first].Step))];
                PlotSeries points = Evaluations(IsSingle ? name : $"{run.Name}, {name}", later, r, at);
                if (points.X.Count > 0) series.Add(points with { Colour = IsSingle ? (kind.Key ? 2 : 1) : colour, IsInLegend = IsSingle });
            }
        }

        string part = from > 0 && xLabel != StepLabel ? ", after the first quarter" : "";
        string dots = !IsSingle && series.Exists(s => s.Form == SeriesForm.Points) ? ", dots are evaluations" : "";
        return series.Exists(s => s.X.Count > 0) ? new LinePlot(title, xLabel, LossLabel + part + dots, series) : null;
    }

    // An evaluation knows its step; where that is on another axis, the training step of this number tells.
    private PlotSeries Evaluations(string name, EvaluationMetrics[] evaluations, int run, double[] at)
    {
        // Before the first step every axis is at 0.
        Dictionary<int, double> places = new() { [0] = 0 };
        for (int i = 0; i < at.Length; i++) places[_steps[run][i].Step] = at[i];
        EvaluationMetrics[] placed = [.. evaluations.Where(e => places.ContainsKey(e.Step))];
        return new PlotSeries(name, [.. placed.Select(e => places[e.Step])], [.. placed.Select(e => e.Loss)]) { Form = SeriesForm.Points };
    }

    private Func<TrainingRun, StepMetrics, double> TrainedSeconds()
    {
        Dictionary<StepMetrics, double> seconds = new(ReferenceEqualityComparer.Instance);
        foreach (StepMetrics[] steps in _steps)
        {
            double sum = 0;
            foreach (StepMetrics step in steps) seconds[step] = sum += step.StepSeconds;
        }

        return (_, step) => seconds[step];
    }

    private static int Colour(int run) => run % ReportStyle.Colours;
}
