namespace Hadal.Reinforcement.Losses;

/// <summary>
/// Responses of a policy, one after the other: what the losses of reinforcement learning read. Tokens of prompts are not in it, and
/// there is no padding.
/// </summary>
public sealed class PolicyBatch
{
    private readonly int[] _starts;

    /// <summary>Puts a batch together; the arrays are not copied.</summary>
    /// <param name="logProbabilities">
    /// [tokens]: log π(token) under the policy being trained, at temperature 1 or whatever was sampled at.
    /// </param>
    /// <param name="oldLogProbabilities">[tokens]: the same under the policy that sampled.</param>
    /// <param name="advantages">[sequences].</param>
    /// <param name="lengths">[sequences]: tokens of each response, 1 or more.</param>
    /// <param name="referenceLogProbabilities">[tokens]: the same under the reference policy; empty if there is no KL term.</param>
    /// <exception cref="ArgumentException">Lengths don't agree, or a response has no token.</exception>
    public PolicyBatch(
        ReadOnlyMemory<float> logProbabilities, ReadOnlyMemory<float> oldLogProbabilities, ReadOnlyMemory<float> advantages,
        ReadOnlyMemory<int> lengths, ReadOnlyMemory<float> referenceLogProbabilities = default)
    {
        _starts = StartsOf(lengths.Span);
        Require(logProbabilities.Length, _starts[^1], nameof(logProbabilities));
        Require(oldLogProbabilities.Length, _starts[^1], nameof(oldLogProbabilities));
        if (!referenceLogProbabilities.IsEmpty) Require(referenceLogProbabilities.Length, _starts[^1], nameof(referenceLogProbabilities));
        Require(advantages.Length, lengths.Length, nameof(advantages));
        LogProbabilities = logProbabilities;
        OldLogProbabilities = oldLogProbabilities;
        ReferenceLogProbabilities = referenceLogProbabilities;
        Advantages = advantages;
    }

    /// <summary>Number of responses.</summary>
    public int Count => _starts.Length - 1;

    /// <summary>Number of tokens of all responses.</summary>
    public int Tokens => _starts[^1];

    /// <summary>[tokens], under the policy being trained.</summary>
    public ReadOnlyMemory<float> LogProbabilities { get; }

    /// <summary>[tokens], under the policy that sampled.</summary>
    public ReadOnlyMemory<float> OldLogProbabilities { get; }

    /// <summary>[tokens], under the reference policy; empty without one.</summary>
    public ReadOnlyMemory<float> ReferenceLogProbabilities { get; }

    /// <summary>[sequences].</summary>
    public ReadOnlyMemory<float> Advantages { get; }

    /// <summary>The first token of a response.</summary>
    public int Start(int sequence) => _starts[sequence];

    /// <summary>The tokens of a response.</summary>
    public int Length(int sequence) => _starts[sequence + 1] - _starts[sequence];

    /// <summary>The same batch with other advantages.</summary>
    /// <exception cref="ArgumentException">There are more or fewer than responses.</exception>
    public PolicyBatch WithAdvantages(ReadOnlyMemory<float> advantages)
    {
        int[] lengths = new int[Count];
        for (int i = 0; i < Count; i++) lengths[i] = Length(i);
        return new PolicyBatch(LogProbabilities, OldLogProbabilities, advantages, lengths, ReferenceLogProbabilities);
    }

    /// <summary>Where each response begins, and at last where the next would.</summary>
    internal static int[] StartsOf(ReadOnlySpan<int> lengths)
    {
        if (lengths.Length == 0) throw new ArgumentException("expected at least one response", nameof(lengths));
        int[] starts = new int[lengths.Length + 1];
        for (int i = 0; i < lengths.Length; i++)
        {
            if (lengths[i] < 1) throw new ArgumentException($"response {i} has {lengths[i]} tokens, expected 1 or more", nameof(lengths));
            starts[i + 1] = checked(starts[i] + lengths[i]);
        }

        return starts;
    }

    internal static void Require(int found, int expected, string name)
    {
        if (found != expected) throw new ArgumentException($"{name} has {found} elements, expected {expected}", name);
    }
}
