using Hadal.Numerics;

namespace Hadal.Inference;

/// <summary>How the next token is drawn from the model's distribution.</summary>
public sealed record SamplingOptions
{
    /// <summary>Divides the logits; 0 always takes the best token.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Only the best so many tokens can be drawn; 0 sets no limit.</summary>
    public int TopK { get; init; }

    /// <summary>Only the best tokens that together have this probability can be drawn (Holtzman et al. 2020); 1 sets no limit.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>The same seed draws the same tokens.</summary>
    public int Seed { get; init; }

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value makes no sense.</exception>
    public void Validate()
    {
        if (!(Temperature >= 0) || float.IsInfinity(Temperature)) throw new ArgumentOutOfRangeException(nameof(Temperature), Temperature, "expected 0 or more");
        ArgumentOutOfRangeException.ThrowIfNegative(TopK);
        if (!(TopP > 0 && TopP <= 1)) throw new ArgumentOutOfRangeException(nameof(TopP), TopP, "expected more than 0 and at most 1");
    }
}

/// <summary>Draws tokens for one sequence: its random numbers are its own, so a sequence does not depend on the others of a batch.</summary>
public sealed class Sampler
{
    private readonly SamplingOptions _options;
    private readonly Random _random;
    private int[] _order = [];
    private double[] _weights = [];

    /// <summary>Starts the sequence's random numbers at the seed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option makes no sense.</exception>
    public Sampler(SamplingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _random = new Random(options.Seed);
    }

    /// <summary>Draws the next token.</summary>
    /// <param name="logits">One score for each token of the vocabulary.</param>
    public int Next(ReadOnlySpan<float> logits)
    {
        int candidates = _options.Temperature == 0 ? 1 : _options.TopK > 0 ? Math.Min(_options.TopK, logits.Length) : logits.Length;
        if (_order.Length < candidates) (_order, _weights) = (new int[candidates], new double[candidates]);
        Span<int> order = _order.AsSpan(0, candidates); // best first
        TopK.Select(logits, order);
        if (candidates == 1) return order[0];

        // Weights relative to the best token; the nucleus ends with the token that reaches TopP of the total.
        double total = 0;
        for (int i = 0; i < candidates; i++) total += _weights[i] = Math.Exp(((double)logits[order[i]] - logits[order[0]]) / _options.Temperature);
        double nucleus = 0;
        int kept = 0;
        while (kept < candidates && (kept == 0 || nucleus < _options.TopP * total)) nucleus += _weights[kept++];

        double drawn = _random.NextDouble() * nucleus;
        for (int i = 0; i < kept; i++)
        {
            drawn -= _weights[i];
            if (drawn < 0) return order[i];
        }

        return order[kept - 1];
    }
}
