namespace Hadal.Reinforcement.Losses;

/// <summary>Adds up the terms of a batch, tokens ascending, with what there is to watch.</summary>
internal sealed class PolicyLossSum(PolicyBatch batch)
{
    private readonly float[] _gradient = new float[batch.Tokens];
    private double _value, _divergence;
    private int _low, _high;

    public double LogProbability(int token) => batch.LogProbabilities.Span[token];

    /// <summary>log of π / π_old.</summary>
    public double LogRatio(int token) => LogProbability(token) - batch.OldLogProbabilities.Span[token];

    /// <summary>The mean of <see cref="LogRatio"/> over a response.</summary>
    public double MeanLogRatio(int sequence)
    {
        double sum = 0;
        for (int t = batch.Start(sequence); t < batch.Start(sequence + 1); t++) sum += LogRatio(t);
        return sum / batch.Length(sequence);
    }

    public void Add(int token, double weight, PolicyTerm term)
    {
        _value += weight * term.Value;
        _gradient[token] += (float)(weight * term.Slope);
    }

    /// <summary>Adds k3 of a token, if there is a KL term.</summary>
    public void AddDivergence(int token, double weight, double klWeight)
    {
        if (batch.ReferenceLogProbabilities.IsEmpty) return;
        PolicyTerm k3 = PolicyTerm.Divergence(LogProbability(token), batch.ReferenceLogProbabilities.Span[token]);
        _divergence += k3.Value;
        Add(token, weight * klWeight, k3);
    }

    /// <summary>Adds the unbiased k3 of a token, if there is a KL term.</summary>
    public void AddUnbiasedDivergence(int token, double weight, double klWeight)
    {
        if (batch.ReferenceLogProbabilities.IsEmpty) return;
        PolicyTerm k3 = PolicyTerm.UnbiasedDivergence(LogProbability(token), batch.ReferenceLogProbabilities.Span[token], LogRatio(token));
        _divergence += k3.Value;
        Add(token, weight * klWeight, k3);
    }

    /// <summary>Counts a token as held at a clip if its ratio is beyond it on the side to which its advantage pushes.</summary>
    public void Watch(double logRatio, double advantage, double low, double high)
    {
        double ratio = Math.Exp(logRatio);
        if (ratio < low && advantage < 0) _low++;
        if (ratio > high && advantage > 0) _high++;
    }

    public PolicyLoss ToLoss() => new(_value, _gradient, (double)_low / batch.Tokens, (double)_high / batch.Tokens, _divergence / batch.Tokens);

    /// <exception cref="ArgumentException">A KL term is wanted and there is nothing to take it to.</exception>
    public static void RequireReference(PolicyBatch batch, double klWeight)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(klWeight);
        if (klWeight > 0 && batch.ReferenceLogProbabilities.IsEmpty)
        {
            throw new ArgumentException("a KL weight above 0 needs log-probabilities of the reference policy", nameof(batch));
        }
    }
}
