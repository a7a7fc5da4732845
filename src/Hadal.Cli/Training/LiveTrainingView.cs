using Hadal.Training;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Hadal.Cli.Training;

/// <summary>
/// Shows a run in a terminal, drawn over and over in place. A task of its own draws, four times a second, so that the run never waits for
/// the terminal; a terminal that goes away doesn't stop the run.
/// </summary>
internal sealed class LiveTrainingView(IAnsiConsole console, TimeProvider time) : ITrainingObserver
{
    private static readonly TimeSpan s_frame = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private ViewState _state = new();
    private RemainingTime _remaining = new(time);
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _drawing;

    public void StageStarted(StageStart stage)
    {
        lock (_lock) _state.Stage = stage;
    }

    public void Started(TrainingStart run)
    {
        lock (_lock)
        {
            // A line shows one run after the other.
            _state = _state.Next(run);
            _remaining = new RemainingTime(time);
        }

        if (_drawing is not null) return;
        AppDomain.CurrentDomain.ProcessExit += ShowCursor;
        Message("Ctrl-C stops after this step and saves a checkpoint.");
        _drawing = Task.Run(DrawAsync);
    }

    public void Stepped(StepMetrics step)
    {
        lock (_lock)
        {
            _remaining.Add(step.Step, step.TotalSteps);
            (_state.Step, _state.Left) = (step, _remaining.Estimate);
            _state.Add(step.Loss);
        }
    }

    public void Stepped(PolicyStepMetrics step)
    {
        lock (_lock)
        {
            _remaining.Add(step.Step, step.TotalSteps);
            (_state.Policy, _state.Left) = (step, _remaining.Estimate);
        }
    }

    public void Evaluated(PolicyEvaluationMetrics evaluation)
    {
        lock (_lock) _state.Add(evaluation);
    }

    public void Stepped(PreferenceStepMetrics step)
    {
        lock (_lock)
        {
            _remaining.Add(step.Step, step.TotalSteps);
            (_state.Preference, _state.Left) = (step, _remaining.Estimate);
            _state.Add(step.Loss);
        }
    }

    public void Evaluated(PreferenceEvaluationMetrics evaluation)
    {
        lock (_lock) _state.Add(evaluation);
    }

    public void Evaluated(EvaluationMetrics evaluation)
    {
        lock (_lock) _state.Add(evaluation);
    }

    public void Sampled(SampleText sample)
    {
        lock (_lock) _state.Sample = sample;
    }

    public void Saved(int step, string folder, double seconds) => Message($"saved step {step:N0} in {folder}");

    public void Message(string text)
    {
        lock (_lock) _state.Add(text);
    }

    public void Finished(TrainingEnd run)
    {
        lock (_lock)
        {
            _state.Messages.Clear();
            _state.Add(TrainingText.End(run));
        }
    }

    /// <summary>Draws the last frame, which stays, and gives the cursor back.</summary>
    public void Dispose()
    {
        if (_drawing is null) return;
        _end.TrySetResult();
        try
        {
            _drawing.GetAwaiter().GetResult();
        }
        catch (IOException)
        {
            // The terminal has gone; the run is in its log.
        }

        AppDomain.CurrentDomain.ProcessExit -= ShowCursor;
        _drawing = null;
    }

    private Task DrawAsync() => console.Live(Frame()).Overflow(VerticalOverflow.Crop).Cropping(VerticalOverflowCropping.Bottom).StartAsync(async live =>
    {
        while (!_end.Task.IsCompleted)
        {
            live.UpdateTarget(Frame());
            await Task.WhenAny(Task.Delay(s_frame), _end.Task).ConfigureAwait(false);
        }

        live.UpdateTarget(Frame());
    });

    private IRenderable Frame()
    {
        lock (_lock) return TrainingScreen.Render(_state, console.Profile.Width, console.Profile.Capabilities.Unicode);
    }

    // A process that ends without disposing, by a second Ctrl-C, would leave the terminal without a cursor.
    private void ShowCursor(object? sender, EventArgs e) => console.Cursor.Show();
}
