namespace Hadal.Training.Reports;

/// <summary>Plots of what a kind of event tells, over the steps of one run or of several laid over each other. Several have a colour each.</summary>
internal sealed class StepPlots<T>(IReadOnlyList<TrainingRun> runs)
    where T : TrainingEvent
{
    private const string StepLabel = "step";

    /// <summary>A plot of the values as they are; null if there are none.</summary>
    public LinePlot? Of(string title, string yLabel, Func<T, double?> value, SeriesForm form = SeriesForm.Line)
    {
        List<PlotSeries> series = [];
        for (int r = 0; r < runs.Count; r++)
        {
            T[] told = [.. runs[r].Events.OfType<T>().Where(step => value(step) is not null)];
            if (told.All(step => double.IsNaN(value(step)!.Value))) continue;
            double[] x = [.. told.Select(step => (double)step.Step)], y = [.. told.Select(step => value(step)!.Value)];
            series.Add(new PlotSeries(runs[r].Name, x, y) { Colour = r % ReportStyle.Colours, Form = form });
        }

        return series.Count > 0 ? new LinePlot(title, StepLabel, yLabel, series) : null;
    }

    /// <summary>What jumps from step to step is smoothed; the values themselves show behind it, where they don't hide another run.</summary>
    public LinePlot? Noisy(string title, string yLabel, Func<T, double?> value) => Of(title, yLabel, value) is { } plot
        ? plot with
        {
            Series = [.. plot.Series.SelectMany(raw => (PlotSeries[])
            [
                .. runs.Count == 1 ? [raw with { Name = "each step", Form = SeriesForm.Faint, IsInLegend = false }] : Array.Empty<PlotSeries>(),
                raw with { Name = runs.Count == 1 ? "smoothed" : raw.Name, Y = Smooth(raw.Y) },
            ])],
        }
        : null;

    /// <summary>Several quantities of a single run in one plot, smoothed; null if there are none, or several runs.</summary>
    public LinePlot? Together(string title, string yLabel, params IReadOnlyList<(string Name, Func<T, double?> Value)> quantities)
    {
        if (runs.Count > 1) return null;
        PlotSeries[] series =
        [
            .. quantities.Select((quantity, i) => Of(title, yLabel, quantity.Value)?.Series[0] is { } raw
                ? raw with { Name = quantity.Name, Y = Smooth(raw.Y), Colour = i % ReportStyle.Colours }
                : null).OfType<PlotSeries>(),
        ];
        return series.Length > 0 ? new LinePlot(title, StepLabel, yLabel, series) : null;
    }

    /// <summary>A series with the noise of its steps taken out.</summary>
    public static double[] Smooth(IReadOnlyList<double> values) => Series.Smooth(values, Math.Max(1, values.Count / 100.0));
}
