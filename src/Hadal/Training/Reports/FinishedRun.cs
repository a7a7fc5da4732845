using Hadal.Checkpoints;
using Hadal.Models;

namespace Hadal.Training.Reports;

/// <summary>Reads the folder of a run, finished or not, for a report.</summary>
public static class FinishedRun
{
    /// <summary>Reads the metrics, the recipe and, if there is a model, its size.</summary>
    /// <exception cref="CheckpointException">The folder has no metrics, or they can't be read.</exception>
    /// <exception cref="ConfigurationException">The model's config.json can't be used.</exception>
    public static TrainingRun Read(string folder)
    {
        string metrics = RunFolder.MetricsOf(folder);
        if (!File.Exists(metrics)) throw new CheckpointException(folder, "it has no metrics.jsonl, expected the folder of a training run");
        string recipe = RunFolder.RecipeOf(folder), model = RunFolder.ModelOf(folder);
        TrainingRun run = new()
        {
            Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)),
            Events = [.. MetricsLog.Read(metrics)],
            Recipe = File.Exists(recipe) ? File.ReadAllText(recipe) : null,
        };
        if (!File.Exists(Path.Combine(model, "config.json"))) return run;
        using Transformer description = ModelReader.Describe(model);
        return Sized(run, description, run.Events.OfType<StepMetrics>().LastOrDefault()?.SequenceLength ?? 1);
    }

    /// <summary>The same with what the model's description tells.</summary>
    internal static TrainingRun Sized(TrainingRun run, Transformer model, int sequenceLength)
    {
        ModelSize size = ModelSize.Of(model);
        return run with
        {
            Parameters = size.Main + size.Modules,
            ActiveParameters = size.ActivePerToken,
            FlopsPerToken = ModelFlops.OfSequences(model, sequenceLength).Training,
        };
    }
}
