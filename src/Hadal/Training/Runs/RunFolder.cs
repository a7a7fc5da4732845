using System.Globalization;
using Hadal.Checkpoints;

namespace Hadal.Training;

/// <summary>
/// The folder of one training run: <c>recipe.json</c> as it is used, <c>metrics.jsonl</c>, <c>report.html</c>, <c>tokenizer/</c>,
/// <c>checkpoints/step-N/</c>, and at the end <c>model/</c>. A lock keeps a second process out while the first one runs.
/// </summary>
public sealed class RunFolder : IDisposable
{
    private const string StepPrefix = "step-";
    private readonly FileStream _lock;

    private RunFolder(string path, FileStream runLock)
    {
        Path = path;
        _lock = runLock;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The recipe as it is used, with its defaults.</summary>
    public string Recipe => RecipeOf(Path);

    /// <summary>One line for each step, evaluation and sample.</summary>
    public string Metrics => MetricsOf(Path);

    /// <summary>The page written at the end.</summary>
    public string Report => In("report.html");

    /// <summary>The tokenizer's files.</summary>
    public string Tokenizer => In("tokenizer");

    /// <summary>Encoded data.</summary>
    public string TokenCache => In("tokens");

    /// <summary>The trained model.</summary>
    public string Model => ModelOf(Path);

    /// <summary>Saved states.</summary>
    public string Checkpoints => In("checkpoints");

    internal static string RecipeOf(string run) => System.IO.Path.Combine(run, "recipe.json");

    internal static string MetricsOf(string run) => System.IO.Path.Combine(run, "metrics.jsonl");

    internal static string ModelOf(string run) => System.IO.Path.Combine(run, "model");

    /// <summary>Opens the folder for one process, and makes it if needed.</summary>
    /// <exception cref="CheckpointException">It can't be written to, or another process trains in it.</exception>
    public static RunFolder Open(string path)
    {
        string file = System.IO.Path.Combine(path, "run.lock");
        try
        {
            Directory.CreateDirectory(path);
            return new RunFolder(path, new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose));
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw new CheckpointException(path, $"the output folder can't be used by this run: {e.Message.TrimEnd('.')}", e);
        }
    }

    /// <summary>Fails if the folder holds a run that is not to be gone on with.</summary>
    /// <exception cref="CheckpointException">It does.</exception>
    internal void RequireNew(bool resume)
    {
        // A run that failed before its first step has left no metrics and no state, and may be begun again in another way.
        if ((File.Exists(Metrics) || SavedSteps().Count > 0) && !resume)
        {
            throw new CheckpointException(Path, "it holds a run already, expected --resume to go on with it or another folder");
        }
    }

    /// <summary>The folder of a step's state.</summary>
    public string Checkpoint(int step) => System.IO.Path.Combine(Checkpoints, string.Create(CultureInfo.InvariantCulture, $"{StepPrefix}{step:D7}"));

    /// <summary>Steps that have a state, the latest first.</summary>
    public IReadOnlyList<int> SavedSteps() => !Directory.Exists(Checkpoints)
        ? []
        : [.. Directory.EnumerateDirectories(Checkpoints, StepPrefix + "*").Select(StepOf).OfType<int>().OrderDescending()];

    /// <summary>Lets other processes in.</summary>
    public void Dispose() => _lock.Dispose();

    private static int? StepOf(string folder) =>
        int.TryParse(System.IO.Path.GetFileName(folder)[StepPrefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int step) ? step : null;

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
