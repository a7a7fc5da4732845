using Hadal.Training;

namespace Hadal.Tests.Training.Runs;

/// <summary>Hands on what a test wants to know of a run, and is silent otherwise.</summary>
internal sealed class WatchingObserver : ITrainingObserver
{
    public Action<StageStart> OnStage { get; init; } = static _ => { };

    public Action<TrainingEvent> OnStep { get; init; } = static _ => { };

    public Action<string> OnMessage { get; init; } = static _ => { };

    /// <summary>One that stops a run after a step.</summary>
    public static WatchingObserver StopAfter(int step, CancellationTokenSource cancellation) => new()
    {
        OnStep = metrics =>
        {
            if (metrics.Step == step) cancellation.Cancel();
        },
    };

    public void StageStarted(StageStart stage) => OnStage(stage);

    public void Started(TrainingStart run)
    {
    }

    public void Stepped(StepMetrics step) => OnStep(step);

    public void Stepped(PolicyStepMetrics step) => OnStep(step);

    public void Stepped(PreferenceStepMetrics step) => OnStep(step);

    public void Evaluated(PreferenceEvaluationMetrics evaluation)
    {
    }

    public void Evaluated(EvaluationMetrics evaluation)
    {
    }

    public void Evaluated(PolicyEvaluationMetrics evaluation)
    {
    }

    public void Sampled(SampleText sample)
    {
    }

    public void Saved(int step, string folder, double seconds)
    {
    }

    public void Message(string text) => OnMessage(text);

    public void Finished(TrainingEnd run)
    {
    }

    public void Dispose()
    {
    }
}
