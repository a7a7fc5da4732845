namespace Hadal.Data;

/// <summary>From a step on, sequences have a length.</summary>
/// <param name="FromStep">The first step, counted from 0.</param>
/// <param name="Length">Tokens of a sequence.</param>
public sealed record LengthStage(long FromStep, int Length);

/// <summary>A sequence length that changes at given steps.</summary>
public sealed record SequenceLengthSchedule
{
    /// <summary>The stages; the first starts at step 0, and each later than the one before.</summary>
    public required IReadOnlyList<LengthStage> Stages { get; init; }

    /// <summary>The greatest length, for <see cref="DataOptions.ChunkLength"/>.</summary>
    public int Longest => Stages.Max(stage => stage.Length);

    /// <summary>A length that doesn't change.</summary>
    public static SequenceLengthSchedule Constant(int length) => new() { Stages = [new LengthStage(0, length)] };

    /// <summary>Tokens of a sequence at a step.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The step is negative.</exception>
    public int At(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return Stages.Last(stage => stage.FromStep <= step).Length;
    }

    /// <summary>Checks the stages.</summary>
    /// <exception cref="ArgumentException">There is none, one has no length, or they are out of order.</exception>
    public void Validate()
    {
        if (Stages.Count == 0 || Stages[0].FromStep != 0) throw new ArgumentException("the sequence lengths have no stage from step 0 on");
        for (int i = 0; i < Stages.Count; i++)
        {
            if (Stages[i].Length < 1) throw new ArgumentException($"the sequence length from step {Stages[i].FromStep} on is {Stages[i].Length}");
            if (i > 0 && Stages[i].FromStep <= Stages[i - 1].FromStep)
            {
                throw new ArgumentException($"a stage of sequence lengths from step {Stages[i].FromStep} on follows one from {Stages[i - 1].FromStep}");
            }
        }
    }
}
