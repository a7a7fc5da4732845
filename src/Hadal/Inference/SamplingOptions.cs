namespace Hadal.Inference;

/// <summary>
/// How the next token is drawn from the model's distribution. Steps in their order: <see cref="LogitBias"/>;
/// <see cref="RepetitionPenalty"/>; <see cref="PresencePenalty"/> and <see cref="FrequencyPenalty"/>; the constraint of the request;
/// <see cref="Temperature"/>; <see cref="TopK"/>; <see cref="TopP"/>; <see cref="MinP"/>. That is the order of Hugging Face transformers.
/// </summary>
public sealed record SamplingOptions
{
    /// <summary>Divides the logits; 0 always takes the best token.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Only the best so many tokens can be drawn; 0 sets no limit.</summary>
    public int TopK { get; init; }

    /// <summary>Only the best tokens that together have this probability can be drawn (Holtzman et al. 2020); 1 sets no limit.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Only tokens at least this probable, relative to the best one, can be drawn (Nguyen et al. 2024, 2407.01082); 0 sets no limit.</summary>
    public float MinP { get; init; }

    /// <summary>
    /// Divides positive logits of tokens that prompt or continuation have already, and multiplies negative ones (Keskar et al. 2019,
    /// 1909.05858, section 4.1); 1 changes nothing.
    /// </summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Taken once from the logits of tokens that the continuation has already, as in OpenAI's interface.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Taken from the logits of tokens for each time that the continuation has them, as in OpenAI's interface.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Added to the logits of these tokens; null adds nothing.</summary>
    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary>The same seed draws the same tokens.</summary>
    public long Seed { get; init; }

    /// <summary>Whether the draw depends on what was said before beyond the logits.</summary>
    internal bool HasPenalties => RepetitionPenalty != 1 || PresencePenalty != 0 || FrequencyPenalty != 0;

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value makes no sense.</exception>
    public void Validate()
    {
        if (!(Temperature >= 0) || float.IsInfinity(Temperature)) throw new ArgumentOutOfRangeException(nameof(Temperature), Temperature, "expected 0 or more");
        ArgumentOutOfRangeException.ThrowIfNegative(TopK);
        if (!(TopP > 0 && TopP <= 1)) throw new ArgumentOutOfRangeException(nameof(TopP), TopP, "expected more than 0 and at most 1");
        if (!(MinP >= 0 && MinP <= 1)) throw new ArgumentOutOfRangeException(nameof(MinP), MinP, "expected 0 to 1");
        if (!(RepetitionPenalty > 0) || float.IsInfinity(RepetitionPenalty))
        {
            throw new ArgumentOutOfRangeException(nameof(RepetitionPenalty), RepetitionPenalty, "expected more than 0");
        }

        if (!float.IsFinite(PresencePenalty)) throw new ArgumentOutOfRangeException(nameof(PresencePenalty), PresencePenalty, "expected a number");
        if (!float.IsFinite(FrequencyPenalty)) throw new ArgumentOutOfRangeException(nameof(FrequencyPenalty), FrequencyPenalty, "expected a number");
        foreach ((int token, float bias) in LogitBias ?? new Dictionary<int, float>())
        {
            if (token < 0) throw new ArgumentOutOfRangeException(nameof(LogitBias), token, "expected token ids from 0 on");
            if (!float.IsFinite(bias)) throw new ArgumentOutOfRangeException(nameof(LogitBias), bias, $"expected a number for token {token}");
        }
    }
}
