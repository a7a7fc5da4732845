using Hadal.Autograd;
using Hadal.Models;

namespace Hadal.Reinforcement.Rollouts;

/// <summary>Responses under a policy, as training sees them.</summary>
/// <param name="LogProbabilities">[tokens of all responses, 1]: log π of each token given all before it.</param>
/// <param name="Entropies">[tokens of all responses, 1]: what is left to explore at each, in nats.</param>
public readonly record struct PolicyScores(Tensor LogProbabilities, Tensor Entropies)
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

        // The last token is predicted, but predicts nothing that was drawn.
        TokenBatch batch = TokenBatch.Of([.. rollouts.Select(r => (int[])[.. r.Prompt, .. r.Response.AsSpan(0, r.Response.Length - 1)])]);
        List<int> rows = [], targets = [];
        for (int i = 0; i < rollouts.Count; i++)
        {
            int first = batch.Sequences[i].Start + rollouts[i].Prompt.Length - 1;
            rows.AddRange(Enumerable.Range(first, rollouts[i].Response.Length));
            targets.AddRange(rollouts[i].Response);
        }

        Tensor hidden = model.Forward(g, batch, balance: balance);                                   // [tokens, hidden]
        Tensor logits = model.Logits(g, g.Rows(hidden, [.. rows]));                                  // [response tokens, vocabulary]
        return new PolicyScores(g.LogProbabilities(logits, [.. targets], temperature), g.Entropy(logits, temperature));
    }
}
