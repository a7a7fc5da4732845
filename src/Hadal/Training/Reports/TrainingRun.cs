namespace Hadal.Training.Reports;

/// <summary>A run as a report tells of it.</summary>
public sealed record TrainingRun
{
    /// <summary>Its name in legends.</summary>
    public required string Name { get; init; }

    /// <summary>What it told, in the order of the run, as <see cref="MetricsLog.Read"/> returns it.</summary>
    public required IReadOnlyList<TrainingEvent> Events { get; init; }

    /// <summary>The recipe as text; null if there is none to show.</summary>
    public string? Recipe { get; init; }

    /// <summary>Parameters trained; null if not known.</summary>
    public long? Parameters { get; init; }

    /// <summary>Parameters that take part in computing one token; null if not known.</summary>
    public long? ActiveParameters { get; init; }

    /// <summary>Floating-point operations of the model to train on one token, forward and backward; null if not known.</summary>
    public double? FlopsPerToken { get; init; }
}
