using Hadal.Numerics;

namespace Hadal.Inference;

/// <summary>
/// Draws the tokens of one sequence. It knows what the sequence has so far, for penalties, for the constraint and because the random
/// numbers belong to places; what it was told last can be taken back. Two samplers told the same draw the same.
/// </summary>
/// <remarks>
/// A draw is an exponential race: of all tokens the one with the smallest E / p wins, where E is exponentially distributed; it is token i
/// with probability p_i. (With G = -log E this is the Gumbel-max trick: Gumbel 1954; Maddison et al. 2014, 1411.0030.) Since E is a
/// function of seed, place and token (<see cref="TokenNoise"/>), similar distributions mostly draw the same token at the same place.
/// </remarks>
public sealed class Sampler
{
    private readonly SamplingOptions _options;
    private readonly TokenCounts? _counts;
    private readonly List<int> _observed = [];
    private readonly List<ConstraintState> _states = []; // before each observed token, and now; empty without a constraint
    private readonly NucleusSelection _nucleus = new();
    private long _promptLength;
    private float[] _scores = [], _weights = [];
    private int[] _best = [];

    /// <summary>Starts a sequence.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option makes no sense.</exception>
    public Sampler(SamplingOptions options, TokenConstraint? constraint = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        if (options.HasPenalties) _counts = new TokenCounts();
        if (constraint is not null) _states.Add(constraint.Start);
    }

    /// <summary>Tokens that the sequence has: the place of the next draw.</summary>
    public long Position => _promptLength + _observed.Count;

    /// <summary>Tokens that were observed, without the prompt.</summary>
    public int Observed => _observed.Count;

    /// <summary>Whether the constraint is met and nothing may follow, so that the sequence is at its end; never without a constraint.</summary>
    public bool IsFulfilled => _states.Count > 0 && _states[^1].IsFulfilled;

    /// <summary>Tells the tokens that the sequence begins with.</summary>
    /// <exception cref="InvalidOperationException">Tokens were observed already.</exception>
    public void ObservePrompt(ReadOnlySpan<int> tokens)
    {
        if (_observed.Count > 0) throw new InvalidOperationException("a prompt comes before all observed tokens");
        _promptLength += tokens.Length;
        foreach (int token in tokens) _counts?.AddPrompt(token);
    }

    /// <summary>Tells the sequence's next token; usually one that <see cref="Next"/> drew.</summary>
    /// <exception cref="ArgumentException">The constraint does not allow it.</exception>
    public void Observe(int token)
    {
        if (_states.Count > 0)
        {
            _states.Add(_states[^1].Next(token) ?? throw new ArgumentException($"the constraint does not allow token {token} here", nameof(token)));
        }

        _observed.Add(token);
        _counts?.Add(token, 1);
    }

    /// <summary>Takes observed tokens back until <paramref name="observed"/> are left; what is drawn then is what was drawn there before.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are not that many.</exception>
    public void Rewind(int observed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(observed);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(observed, _observed.Count);
        for (int i = observed; i < _observed.Count; i++) _counts?.Add(_observed[i], -1);
        if (_states.Count > 0) _states.RemoveRange(observed + 1, _observed.Count - observed);
        _observed.RemoveRange(observed, _observed.Count - observed);
    }

    /// <summary>Draws a token for the place behind what was observed. It is not observed yet, and asked again the answer is the same.</summary>
    /// <param name="logits">One score for each token of the vocabulary.</param>
    /// <exception cref="InvalidOperationException">No token can be drawn: scores are no numbers, or no token fits the constraint.</exception>
    public int Next(ReadOnlySpan<float> logits)
    {
        ReadOnlySpan<float> scores = Adjust(logits);
        float max = RowExponentials.Max(scores);
        if (!float.IsFinite(max)) throw new InvalidOperationException(Obstacle(logits));
        if (_options.Temperature == 0 || _options.TopK == 1) return scores.IndexOf(max);

        if (_weights.Length < scores.Length) _weights = new float[scores.Length];
        Span<float> weights = _weights.AsSpan(0, scores.Length); // relative to the best token, which has 1
        double total = RowExponentials.Store(scores, max, _options.Temperature, weights);
        if (_options.TopK > 0 && _options.TopK < scores.Length) total = KeepBest(scores, weights);
        NucleusBound bound = _options.TopP < 1 ? _nucleus.Find(weights, _options.TopP * total) : NucleusBound.None;
        if (_options.MinP > bound.Weight) bound = new NucleusBound(_options.MinP, int.MaxValue);
        return Race(weights, bound);
    }

    // Logits with bias, penalties and constraint; the given ones if nothing changes them.
    private ReadOnlySpan<float> Adjust(ReadOnlySpan<float> logits)
    {
        bool hasBias = _options.LogitBias is { Count: > 0 };
        if (!hasBias && _counts is null && _states.Count == 0) return logits;
        if (_scores.Length < logits.Length) _scores = new float[logits.Length];
        Span<float> scores = _scores.AsSpan(0, logits.Length);
        logits.CopyTo(scores);
        if (hasBias)
        {
            foreach ((int token, float bias) in _options.LogitBias!)
            {
                if (token < scores.Length) scores[token] += bias;
            }
        }

        _counts?.Penalise(scores, _options);
        if (_states.Count > 0) _states[^1].Mask.Apply(scores);
        return scores;
    }

    private double KeepBest(ReadOnlySpan<float> scores, Span<float> weights)
    {
        if (_best.Length == 0) _best = new int[_options.TopK];
        TopK.Select(scores, _best);
        double total = 0;
        foreach (int token in _best)
        {
            total += weights[token];
            weights[token] = -weights[token]; // marked by its sign, so that one pass can clear the others
        }

        for (int i = 0; i < weights.Length; i++) weights[i] = Math.Max(0, -weights[i]);
        return total;
    }

    private int Race(ReadOnlySpan<float> weights, NucleusBound bound)
    {
        ulong key = TokenNoise.Key(_options.Seed, Position);
        double best = double.PositiveInfinity;
        int winner = -1;
        for (int token = 0; token < weights.Length; token++)
        {
            float weight = weights[token];
            if (!(weight > 0) || !bound.Keeps(weight, token)) continue;

            // E = -log(1 - v) >= v, so most tokens are out without a logarithm.
            double v = TokenNoise.Uniform(key, token);
            if (v >= best * weight) continue;
            double time = TokenNoise.Exponential(v) / weight;
            if (time < best) (best, winner) = (time, token);
        }

        return winner;
    }

    private static string Obstacle(ReadOnlySpan<float> logits) => float.IsFinite(RowExponentials.Max(logits))
        ? "no token of the vocabulary fits the constraint"
        : "the model's scores are not all numbers, so no token can be drawn";
}
