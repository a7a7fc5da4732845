using System.Diagnostics;
using Hadal.Training;
using Hadal.Training.Reports;

namespace Hadal.Cli.Quickstart;

/// <summary>Another view, told at each stage how much of the whole budget is gone.</summary>
/// <param name="view">The view; stays the caller's.</param>
/// <param name="budget">Time for everything.</param>
/// <param name="before">Time that was spent before an interruption.</param>
internal sealed class BudgetView(ITrainingObserver view, TimeSpan budget, TimeSpan before) : ITrainingObserver
{
    private readonly Stopwatch _elapsed = Stopwatch.StartNew();

    public void StageStarted(StageStart stage)
    {
        view.StageStarted(stage);
        TimeSpan spent = before + _elapsed.Elapsed, left = budget - spent;
        view.Message($"{Quantity.Duration(spent)} gone, {(left > TimeSpan.Zero ? $"{Quantity.Duration(left)} left" : "nothing left")} of {Quantity.Duration(budget)}");
    }

    public void Started(TrainingStart run) => view.Started(run);

    public void Stepped(StepMetrics step) => view.Stepped(step);

    public void Stepped(PolicyStepMetrics step) => view.Stepped(step);

    public void Evaluated(PolicyEvaluationMetrics evaluation) => view.Evaluated(evaluation);

    public void Stepped(PreferenceStepMetrics step) => view.Stepped(step);

    public void Evaluated(PreferenceEvaluationMetrics evaluation) => view.Evaluated(evaluation);

    public void Evaluated(EvaluationMetrics evaluation) => view.Evaluated(evaluation);

    public void Sampled(SampleText sample) => view.Sampled(sample);

    // Nobody goes back to a state within a stage by hand: how to go on is said at the end.
    public void Saved(int step, string folder, double seconds)
    {
    }

    public void Message(string text) => view.Message(text);

    public void Finished(TrainingEnd run) => view.Finished(run);

    public void Dispose()
    {
    }
}
