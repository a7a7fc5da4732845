using Hadal.Autograd;

namespace Hadal.Models;

/// <summary>How much each part of the training loss counts; as in DeepSeek-V3 (2412.19437) section 4.2 unless set.</summary>
public sealed record ObjectiveOptions
{
    /// <summary>How much the mean of the next-token cross entropies counts: 1 but where soft labels stand beside or in place of it.</summary>
    public float MainWeight { get; init; } = 1;

    /// <summary>λ of eq. 25: how much the mean of the prediction modules' losses counts.</summary>
    public float MtpWeight { get; init; } = 0.3f;

    /// <summary>How much the squared logarithm of the softmax denominator counts, beside each cross entropy.</summary>
    public float ZLossWeight { get; init; }

    /// <summary>How much an uneven use of experts costs.</summary>
    public BalanceWeights Balance { get; init; } = BalanceWeights.V3;
}

/// <summary>A weighted sum of losses of one kind, for reports.</summary>
/// <param name="Sum">Σ weight · loss in nats, over the micro-batch.</param>
/// <param name="Weight">Σ weight: the number of targets where all count 1.</param>
public readonly record struct LossSum(double Sum, double Weight)
{
    /// <summary>The mean; NaN if nothing was counted.</summary>
    public double Mean => Sum / Weight;
}

/// <summary>The loss of a micro-batch and what it is made of.</summary>
/// <param name="Loss">[1]: the micro-batch's share of the step's loss, to be given to <see cref="Graph.Backward"/>.</param>
/// <param name="Main">Next-token cross entropies.</param>
/// <param name="Modules">Cross entropies of the prediction modules, all depths together.</param>
/// <param name="Balance">The balance losses' share of <paramref name="Loss"/>, weighted as in it.</param>
/// <param name="ZLoss">Squared logarithms of the main head's softmax denominators.</param>
/// <param name="Hidden">[tokens, hidden]: what the main head has read, on the graph, for losses that are added.</param>
public sealed record TrainingLoss(Tensor Loss, LossSum Main, LossSum Modules, double Balance, LossSum ZLoss, Tensor Hidden);
