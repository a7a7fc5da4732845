namespace Hadal.Training;

/// <summary>
/// Whoever watches a run: the terminal, a test. Calls come from the thread that trains, in the order of the run, and should return at once;
/// what they throw ends the run. Disposed by whoever made it, after the run has ended in whatever way.
/// </summary>
public interface ITrainingObserver : IDisposable
{
    /// <summary>A stage of a line begins; the run that it makes starts next. Does nothing unless implemented: most watch a single run.</summary>
    void StageStarted(StageStart stage)
    {
    }

    /// <summary>The run begins, or goes on from a checkpoint.</summary>
    void Started(TrainingStart run);

    /// <summary>An update has been made.</summary>
    void Stepped(StepMetrics step);

    /// <summary>A step of reinforcement learning has been made.</summary>
    void Stepped(PolicyStepMetrics step);

    /// <summary>The policy has been measured on held-out problems.</summary>
    void Evaluated(PolicyEvaluationMetrics evaluation);

    /// <summary>A step on pairs of answers has been made.</summary>
    void Stepped(PreferenceStepMetrics step);

    /// <summary>The model has been measured on held-out pairs.</summary>
    void Evaluated(PreferenceEvaluationMetrics evaluation);

    /// <summary>The model has been measured.</summary>
    void Evaluated(EvaluationMetrics evaluation);

    /// <summary>The model has written something.</summary>
    void Sampled(SampleText sample);

    /// <summary>A checkpoint is on the disk.</summary>
    /// <param name="step">Updates that it has seen.</param>
    /// <param name="folder">Where it is.</param>
    /// <param name="seconds">How long saving held the run up.</param>
    void Saved(int step, string folder, double seconds);

    /// <summary>Something worth a line, such as that data are read or that the run is asked to stop.</summary>
    void Message(string text);

    /// <summary>The run has ended.</summary>
    void Finished(TrainingEnd run);
}
