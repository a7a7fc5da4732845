using Hadal.Training;
using Hadal.Training.Reports;

namespace Hadal.Cli.Training;

/// <summary>Sentences that both views say.</summary>
internal static class TrainingText
{
    public static string End(TrainingEnd run)
    {
        string what = run.Outcome switch
        {
            TrainingOutcome.Completed => "finished",
            TrainingOutcome.Stopped => "stopped, to be resumed,",
            _ => "diverged",
        };
        return $"{what} after {run.Steps:N0} steps, {Quantity.Count(run.Tokens)} tokens, in {Quantity.Duration(run.Elapsed)}: {run.Folder}";
    }
}
