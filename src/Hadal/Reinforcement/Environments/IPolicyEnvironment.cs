using Hadal.Reinforcement.Rollouts;

namespace Hadal.Reinforcement.Environments;

/// <summary>What a policy is asked in training, and what its responses earn.</summary>
internal interface IPolicyEnvironment : IDisposable
{
    /// <summary>Problems that are kept for measuring.</summary>
    int HeldOut { get; }

    /// <summary>The tokens of a prompt to train on: the longest where they are known, else the first.</summary>
    int[] SomePrompt { get; }

    /// <summary>Lets the policy respond to the problems of a training step.</summary>
    /// <param name="step">Steps before it: no other step has the same problems until all have been asked.</param>
    /// <param name="options">How many, and how.</param>
    /// <param name="cancellation">Checked before every token.</param>
    /// <returns>[problems * group size], groups one after the other.</returns>
    IReadOnlyList<Rollout> Respond(int step, RolloutOptions options, CancellationToken cancellation);

    /// <summary>Lets the policy respond to the held-out problems, once each and greedily.</summary>
    /// <param name="maxTokens">Most tokens of a response.</param>
    /// <param name="cancellation">Checked before every token.</param>
    IReadOnlyList<Rollout> Measure(int maxTokens, CancellationToken cancellation);

    /// <summary>A response with its prompt before it.</summary>
    string Transcript(Rollout rollout);
}
