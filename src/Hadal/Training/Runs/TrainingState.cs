using Hadal.Data;

namespace Hadal.Training;

/// <summary>What a saved state holds besides tensors: together they decide every later bit of the run.</summary>
internal sealed record TrainingState
{
    /// <summary>Steps done.</summary>
    public required int Step { get; init; }

    /// <summary>Tokens trained on.</summary>
    public required long Tokens { get; init; }

    /// <summary>Where the data are.</summary>
    public required DataState Data { get; init; }

    /// <summary>Updates that the optimiser has made.</summary>
    public required long OptimizerSteps { get; init; }

    /// <summary>Updates that the average of the weights has seen.</summary>
    public long AverageUpdates { get; init; }

    /// <summary>Usual gradient norms.</summary>
    public required IReadOnlyList<double> Norms { get; init; }

    /// <summary>Steps in a row whose norm was too large.</summary>
    public int Exploded { get; init; }

    /// <summary>What the rule that lowers the learning rate on plateaus remembers.</summary>
    public PlateauState? Plateau { get; init; }
}
