using Hadal.Training;

namespace Hadal.Reinforcement.Line;

/// <summary>What a running stage is given.</summary>
/// <param name="line">The line.</param>
/// <param name="name">The stage's name.</param>
/// <param name="folder">Its folder.</param>
/// <param name="resumes">Whether it was begun before.</param>
/// <param name="observer">Watches the line.</param>
public sealed class StageContext(StageLine line, string name, string folder, bool resumes, ITrainingObserver observer)
{
    /// <summary>The stage's name.</summary>
    public string Name { get; } = name;

    /// <summary>The stage's own folder, which exists.</summary>
    public string Folder { get; } = folder;

    /// <summary>Whether it was begun before and interrupted.</summary>
    public bool Resumes { get; } = resumes;

    /// <summary>Watches the line.</summary>
    public ITrainingObserver Observer { get; } = observer;

    /// <summary>The file or folder that an earlier stage made.</summary>
    /// <exception cref="ArgumentException">No finished stage has this name.</exception>
    public string Output(string stage) => line.Output(stage);

    /// <summary>Tokens that an earlier stage trained on or sampled.</summary>
    /// <exception cref="ArgumentException">No finished stage has this name.</exception>
    public long Tokens(string stage) => line.Record(stage).Tokens;
}
