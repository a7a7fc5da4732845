namespace Hadal.Training;

/// <summary>What is known of a run before its first step.</summary>
public sealed record TrainingStart
{
    /// <summary>What is trained, in a few words.</summary>
    public required string Name { get; init; }

    /// <summary>Updates that the whole run makes.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>Updates made before: 0 unless the run is resumed.</summary>
    public int StepsBefore { get; init; }

    /// <summary>Parameters trained.</summary>
    public required long Parameters { get; init; }

    /// <summary>Parameters that take part in computing one token.</summary>
    public required long ActiveParameters { get; init; }
}
