using Hadal.Checkpoints;

namespace Hadal.Training.Reports;

/// <summary>
/// The report of a training run, or of several to compare: one HTML file with figures, plots, samples and recipes, which needs no network and
/// follows the reader's choice of light or dark.
/// </summary>
public static class TrainingReport
{
    private const int MostSamples = 24;

    /// <summary>Writes the report.</summary>
    /// <param name="path">The file; an old one is replaced as a whole or not at all.</param>
    /// <param name="title">The heading.</param>
    /// <param name="runs">One run, or several to lay over each other.</param>
    /// <exception cref="CheckpointException">The file can't be written.</exception>
    /// <exception cref="ArgumentException">There is no run.</exception>
    public static void Write(string path, string title, IReadOnlyList<TrainingRun> runs)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(title);
        ArgumentNullException.ThrowIfNull(runs);
        if (runs.Count == 0) throw new ArgumentException("A report needs a run.", nameof(runs));
        TrainingPlots plots = new(runs);
        string subtitle = runs.Count == 1 ? runs[0].Name : $"{runs.Count} runs compared";
        ReportPage.Write(path, title, subtitle, page =>
        {
            IReadOnlyList<Figure>[] figures = [.. runs.Select(run => (IReadOnlyList<Figure>)[.. TrainingFigures.Of(run), .. PolicyFigures.Of(run)])];
            if (runs.Count == 1) page.Cards(figures[0]);
            else page.Table([.. runs.Select(run => run.Name)], figures);
            page.Plots(plots.Lines().Concat(PolicyPlots.Of(runs)));
            foreach (HeatMap map in plots.ExpertLoads()) page.Map(map);
            Samples(page, runs);
            PolicyTexts.Write(page, runs);
            Recipes(page, runs);
        });
    }

    private static void Samples(ReportPage page, IReadOnlyList<TrainingRun> runs)
    {
        foreach (TrainingRun run in runs)
        {
            SampleText[] samples = [.. run.Events.OfType<SampleText>()];
            if (samples.Length == 0) continue;
            SampleText[] shown = Series.Spread(samples, MostSamples);
            string heading = runs.Count == 1 ? "Samples" : $"Samples of {run.Name}";
            page.Heading(shown.Length == samples.Length ? heading : $"{heading}, {shown.Length} of {samples.Length}");
            for (int i = 0; i < shown.Length; i++)
            {
                page.Text($"step {shown[i].Step:N0}", shown[i].Prompt, shown[i].Text, open: i == shown.Length - 1);
            }
        }
    }

    private static void Recipes(ReportPage page, IReadOnlyList<TrainingRun> runs)
    {
        TrainingRun[] told = [.. runs.Where(run => run.Recipe is not null)];
        if (told.Length > 0) page.Heading(runs.Count == 1 ? "Recipe" : "Recipes");
        foreach (TrainingRun run in told) page.Text(run.Name, "", run.Recipe!, open: false);
    }
}
