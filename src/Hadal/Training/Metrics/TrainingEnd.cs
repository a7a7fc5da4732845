namespace Hadal.Training;

/// <summary>How a run ended.</summary>
public enum TrainingOutcome
{
    /// <summary>All steps were made.</summary>
    Completed,

    /// <summary>It was asked to stop, and can be resumed.</summary>
    Stopped,

    /// <summary>The loss or the gradients were no longer numbers.</summary>
    Diverged,
}

/// <summary>What is known of a run at its end.</summary>
public sealed record TrainingEnd
{
    /// <summary>How it ended.</summary>
    public required TrainingOutcome Outcome { get; init; }

    /// <summary>Updates made, those before a resume included.</summary>
    public required int Steps { get; init; }

    /// <summary>Tokens trained on, those before a resume included.</summary>
    public required long Tokens { get; init; }

    /// <summary>Time since the start or the resume.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>Where the model is, or what else the run has made.</summary>
    public required string Folder { get; init; }
}
