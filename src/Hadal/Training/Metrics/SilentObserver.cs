namespace Hadal.Training;

/// <summary>Watches a run without a word.</summary>
public sealed class SilentObserver : ITrainingObserver
{
    /// <inheritdoc/>
    public void Started(TrainingStart run)
    {
    }

    /// <inheritdoc/>
    public void Stepped(StepMetrics step)
    {
    }

    /// <inheritdoc/>
    public void Evaluated(EvaluationMetrics evaluation)
    {
    }

    /// <inheritdoc/>
    public void Stepped(PolicyStepMetrics step)
    {
    }

    /// <inheritdoc/>
    public void Evaluated(PolicyEvaluationMetrics evaluation)
    {
    }

    /// <inheritdoc/>
    public void Stepped(PreferenceStepMetrics step)
    {
    }

    /// <inheritdoc/>
    public void Evaluated(PreferenceEvaluationMetrics evaluation)
    {
    }

    /// <inheritdoc/>
    public void Sampled(SampleText sample)
    {
    }

    /// <inheritdoc/>
    public void Saved(int step, string folder, double seconds)
    {
    }

    /// <inheritdoc/>
    public void Message(string text)
    {
    }

    /// <inheritdoc/>
    public void Finished(TrainingEnd run)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
