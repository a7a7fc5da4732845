using Hadal.Reinforcement.Diagnosis;

namespace Hadal.Reinforcement;

/// <summary>What a saved state of a stage has beside its tensors.</summary>
/// <param name="Step">Steps made.</param>
/// <param name="Tokens">Tokens trained on.</param>
/// <param name="OptimizerSteps">Updates made.</param>
internal sealed record StageState(int Step, long Tokens, long OptimizerSteps)
{
    /// <summary>The last steps' statistics, by which the next are judged; none where a stage has no such.</summary>
    public IReadOnlyList<StepStatistics> History { get; init; } = [];

    /// <summary>What tells the data from others; null where a stage reads none.</summary>
    public ulong? Data { get; init; }
}
