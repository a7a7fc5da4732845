using Hadal.Autograd;
using Hadal.Models;

namespace Hadal.Reinforcement.Rollouts;

/// <summary>Responses under a policy, as training sees them.</summary>
/// <param name="LogProbabilities">[tokens of all responses, 1]: log π of each token given all before it.</param>
/// <param name="Entropies">[tokens of all responses, 1]: what is left to explore at each, in nats.</param>
/// <param name="States">[tokens of all responses, hidden]: the final hidden state before each.</param>
public readonly record struct PolicyScores(Tensor LogProbabilities, Tensor Entropies, Tensor States)
{
    /// <summary>Scores responses in one pass: prompts and responses go in together, and only the responses' rows reach the head.</summary>
    /// <param name="g">The graph; a recording one makes the log-probabilities differentiable.</param>
    /// <param name="model">The policy.</param>
    /// <param name="rollouts">The responses.</param>
    /// <param name="temperature">What they were sampled at.</param>
    /// <param name="balance">Notes how experts are used.</param>
    public static PolicyScores Of(Graph g, Transformer model, IReadOnlyList<Rollout> rollouts, float temperature, ExpertBalance? balance = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rollouts);
        Continuations texts = Continuations.Of([.. rollouts.Select(rollout => (rollout.Prompt, rollout.Response))]);
        Tensor states = g.Rows(model.Forward(g, texts.Batch, balance: balance), texts.Rows);         // [response tokens, hidden]
        Tensor logits = model.Logits(g, states);                                                     // [response tokens, vocabulary]
        return new PolicyScores(g.LogProbabilities(logits, texts.Targets, temperature), g.Entropy(logits, temperature), states);
    }
}
