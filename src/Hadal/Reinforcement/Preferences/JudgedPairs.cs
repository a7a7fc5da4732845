using Hadal.Autograd;
using Hadal.Reinforcement.Losses;

namespace Hadal.Reinforcement.Preferences;

/// <summary>Pairs as a model sees them, and what it has to learn of that.</summary>
/// <param name="Output">What the loss depends on.</param>
/// <param name="Loss">The mean over the pairs, with its gradient for <paramref name="Output"/>.</param>
/// <param name="Chosen">[pairs]: rewards of the chosen answers.</param>
/// <param name="Rejected">[pairs]: rewards of the rejected answers.</param>
internal sealed record JudgedPairs(Tensor Output, LossAndGradient Loss, float[] Chosen, float[] Rejected)
{
    /// <summary>[pairs]: log π of the chosen answers; empty where rewards are no log-probabilities.</summary>
    public float[] ChosenLogProbabilities { get; init; } = [];

    /// <summary>[pairs]: log π of the rejected answers.</summary>
    public float[] RejectedLogProbabilities { get; init; } = [];
}

/// <summary>Adds up what judged pairs show.</summary>
internal sealed class PairStatistics
{
    private double _loss, _chosen, _rejected, _right, _chosenLog, _rejectedLog;
    private bool _hasLogs;

    public int Pairs { get; private set; }

    public double Loss => _loss / Pairs;

    public double Chosen => _chosen / Pairs;

    public double Rejected => _rejected / Pairs;

    public double Margin => (_chosen - _rejected) / Pairs;

    /// <summary>Share of pairs the right way round; equal ones count half, so that a model that knows nothing has a half.</summary>
    public double Accuracy => _right / Pairs;

    public double? ChosenLogProbability => _hasLogs ? _chosenLog / Pairs : null;

    public double? RejectedLogProbability => _hasLogs ? _rejectedLog / Pairs : null;

    public void Add(JudgedPairs pairs)
    {
        int count = pairs.Chosen.Length;
        for (int i = 0; i < count; i++)
        {
            _chosen += pairs.Chosen[i];
            _rejected += pairs.Rejected[i];
            _right += pairs.Chosen[i] > pairs.Rejected[i] ? 1 : pairs.Chosen[i] == pairs.Rejected[i] ? 0.5 : 0;
        }

        foreach (float log in pairs.ChosenLogProbabilities) _chosenLog += log;
        foreach (float log in pairs.RejectedLogProbabilities) _rejectedLog += log;
        _hasLogs |= pairs.ChosenLogProbabilities.Length > 0;
        _loss += pairs.Loss.Value * count;
        Pairs += count;
    }
}
