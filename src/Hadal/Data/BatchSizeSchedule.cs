namespace Hadal.Data;

/// <summary>
/// A batch size that grows with the tokens seen: linearly from <see cref="Start"/> to <see cref="End"/>, then it stays. DeepSeek-V3
/// (2412.19437) section 4.2 goes from 3072 to 15360 sequences over the first 469B tokens.
/// </summary>
public sealed record BatchSizeSchedule
{
    /// <summary>Sequences of a batch at the start.</summary>
    public required int Start { get; init; }

    /// <summary>Sequences of a batch at the end.</summary>
    public required int End { get; init; }

    /// <summary>Tokens after which the batch has its last size; 0 has it from the start.</summary>
    public long RampTokens { get; init; }

    /// <summary>The size changes by multiples of this, so that micro-batches and ranks divide every batch evenly.</summary>
    public int Multiple { get; init; } = 1;

    /// <summary>A size that doesn't change.</summary>
    public static BatchSizeSchedule Constant(int size) => new() { Start = size, End = size };

    /// <summary>Sequences of the batch that comes after so many tokens.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The count of tokens is negative.</exception>
    public int At(long tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        if (tokens >= RampTokens) return End;
        return Start + (int)((Int128)(End - Start) * tokens / RampTokens / Multiple) * Multiple;
    }

    /// <summary>Checks the numbers.</summary>
    /// <exception cref="ArgumentException">A size, the ramp or the multiple makes no sense.</exception>
    public void Validate()
    {
        if (Start < 1 || End < 1) throw new ArgumentException($"the batch size goes from {Start} to {End}, expected 1 or more");
        if (RampTokens < 0) throw new ArgumentException($"the ramp of the batch size takes {RampTokens} tokens, expected 0 or more");
        if (Multiple < 1) throw new ArgumentException($"the batch size changes by multiples of {Multiple}, expected 1 or more");
    }
}
