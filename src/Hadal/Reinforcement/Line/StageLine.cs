using System.Diagnostics;
using System.Globalization;
using Hadal.Checkpoints;
using Hadal.Training;

namespace Hadal.Reinforcement.Line;

/// <summary>
/// Runs stages in their order in one folder, each in a folder <c>NN-name</c> of its own. Finished stages are passed over, one that was
/// interrupted goes on, so a line that is stopped or killed at any moment and run again makes what an uninterrupted one would.
/// </summary>
public sealed class StageLine : IDisposable
{
    private readonly RunFolder _folder;
    private readonly IReadOnlyList<LineStage> _stages;
    private readonly ITrainingObserver _observer;
    private LineState _state;

    private StageLine(RunFolder folder, IReadOnlyList<LineStage> stages, ITrainingObserver observer, LineState state) =>
        (_folder, _stages, _observer, _state) = (folder, stages, observer, state);

    /// <summary>The stages that were begun, in their order, with what they made and the time they took.</summary>
    public IReadOnlyList<StageRecord> Begun => _state.Stages;

    /// <summary>Opens the folder of a line, and makes it if needed.</summary>
    /// <param name="folder">The folder, for this process alone until the line is disposed.</param>
    /// <param name="stages">All stages. Later ones may be added to a line that is finished.</param>
    /// <param name="observer">Watches all stages; stays the caller's.</param>
    /// <param name="resume">Whether to go on with a line that is there; without one it begins.</param>
    /// <exception cref="RecipeException">Names can't be told apart, or a stage that was made has changed.</exception>
    /// <exception cref="CheckpointException">The folder can't be used, or holds a line and <paramref name="resume"/> is false.</exception>
    public static StageLine Open(string folder, IReadOnlyList<LineStage> stages, ITrainingObserver observer, bool resume = false)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(stages);
        ArgumentNullException.ThrowIfNull(observer);
        StageReferences.Require(stages);
        RunFolder opened = RunFolder.Open(folder);
        try
        {
            if (File.Exists(LineState.PathIn(folder)) && !resume)
            {
                throw new CheckpointException(folder, "it holds a line of stages already, expected --resume to go on with it or another folder");
            }

            LineState state = LineState.Read(folder);
            state.RequireSame(folder, stages);
            return new StageLine(opened, stages, observer, state);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Runs all stages that are not finished, or until it is cancelled.</summary>
    /// <returns>How it ended; its steps are the finished stages, its folder what the last of them made, or the line's folder.</returns>
    /// <exception cref="Exception">Whatever a stage throws; stages before it stay finished.</exception>
    public TrainingEnd Run(CancellationToken cancellation = default)
    {
        Stopwatch elapsed = Stopwatch.StartNew();
        int finished = _state.Stages.Count(stage => stage.Output is not null);
        if (finished > 0) _observer.Message($"{finished} of {_stages.Count} stages are finished already");
        for (int i = 0; i < _stages.Count; i++)
        {
            if (IsFinished(i)) continue;
            if (cancellation.IsCancellationRequested || !Run(i, cancellation)) return End(TrainingOutcome.Stopped, elapsed.Elapsed);
        }

        return End(TrainingOutcome.Completed, elapsed.Elapsed);
    }

    /// <summary>The file or folder that a finished stage made.</summary>
    /// <exception cref="ArgumentException">No finished stage has this name.</exception>
    public string Output(string stage) => Path.Combine(_folder.Path, Record(stage).Output!);

    /// <summary>What is known of a finished stage.</summary>
    /// <exception cref="ArgumentException">No finished stage has this name.</exception>
    public StageRecord Record(string stage) => _state.Stages.FirstOrDefault(record => record.Name == stage && record.Output is not null)
        ?? throw new ArgumentException($"no finished stage is called '{stage}'", nameof(stage));

    /// <summary>Lets other processes into the folder.</summary>
    public void Dispose() => _folder.Dispose();

    private bool Run(int index, CancellationToken cancellation)
    {
        LineStage stage = _stages[index];
        string folder = Path.Combine(_folder.Path, string.Create(CultureInfo.InvariantCulture, $"{index + 1:D2}-{stage.Name}"));
        bool resumes = index < _state.Stages.Count;
        double before = resumes ? _state.Stages[index].Seconds : 0;
        Note(index, new StageRecord(stage.Name, stage.Definition, before));
        Directory.CreateDirectory(folder);
        _observer.StageStarted(new StageStart(stage.Name, index + 1, _stages.Count, resumes));
        Stopwatch elapsed = Stopwatch.StartNew();
        try
        {
            StageResult result = stage.Run(new StageContext(this, stage.Name, folder, resumes, _observer), cancellation);
            string output = Path.GetRelativePath(_folder.Path, result.Output).Replace('\\', '/');
            Note(index, new StageRecord(stage.Name, stage.Definition, before + elapsed.Elapsed.TotalSeconds, result.Tokens, output));
            return true;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            Note(index, new StageRecord(stage.Name, stage.Definition, before + elapsed.Elapsed.TotalSeconds));
            return false;
        }
    }

    private bool IsFinished(int index) => index < _state.Stages.Count && _state.Stages[index].Output is not null;

    private void Note(int index, StageRecord stage)
    {
        _state = _state.With(index, stage);
        _state.Write(_folder.Path);
    }

    private TrainingEnd End(TrainingOutcome outcome, TimeSpan elapsed)
    {
        StageRecord[] finished = [.. _state.Stages.Where(stage => stage.Output is not null)];
        return new TrainingEnd
        {
            Outcome = outcome,
            Steps = finished.Length,
            Tokens = finished.Sum(stage => stage.Tokens),
            Elapsed = elapsed,
            Folder = outcome == TrainingOutcome.Completed ? Output(finished[^1].Name) : _folder.Path,
        };
    }
}
