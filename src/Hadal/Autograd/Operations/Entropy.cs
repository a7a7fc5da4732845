using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>The entropy of each row's distribution: what a policy has left to explore. Saves the probabilities.</summary>
public static class EntropyOperation
{
    /// <summary>-Σ p log p with p = softmax(logits / temperature), for every row, in nats.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="logits">[rows, vocabulary].</param>
    /// <param name="temperature">Above 0.</param>
    /// <returns>[rows, 1].</returns>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is not above 0.</exception>
    public static Tensor Entropy(this Graph g, Tensor logits, float temperature = 1)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(logits);
        if (!(temperature > 0 && float.IsFinite(temperature)))
        {
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "expected more than 0");
        }

        Tensor entropies = g.Allocate(new Shape(logits.Shape.Rows, 1), g.Records(logits));
        Tensor probabilities = g.Allocate(logits.Shape);
        Elementwise.Scale(g.Workers, logits.AsMatrix(), 1 / temperature, probabilities.AsMatrix());
        Softmax.Forward(g.Workers, probabilities.AsMatrix(), probabilities.AsMatrix());
        RowEntropies job = new(probabilities.AsMatrix(), entropies.AsMatrix());
        g.Workers.Run(ref job, job.Parts);
        if (entropies.RequiresGradient) g.Record(new Backpropagation(logits, probabilities, entropies, temperature));
        return entropies;
    }

    private sealed class Backpropagation(Tensor logits, Tensor probabilities, Tensor entropies, float temperature) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(entropies) is not { } dy || g.GradientOf(logits) is not { } dLogits) return;
            RowGradients job = new(probabilities.AsMatrix(), entropies.AsMatrix(), dy, dLogits, temperature);
            g.Workers.Run(ref job, job.Parts);
        }
    }

    private readonly struct RowEntropies(Matrix probabilities, Matrix entropies) : IParallelJob
    {
        public int Parts => probabilities.Rows;

        public void Execute(int part)
        {
            double entropy = 0;
            foreach (float p in probabilities.Row(part)) entropy -= p > 0 ? p * Math.Log(p) : 0;
            entropies.Row(part)[0] = (float)entropy;
        }
    }

    // dH/dlogit = -p (log p + H) / temperature
    private readonly struct RowGradients(Matrix probabilities, Matrix entropies, Matrix dEntropies, Matrix dLogits, float temperature) : IParallelJob
    {
        public int Parts => probabilities.Rows;

        public void Execute(int part)
        {
            ReadOnlySpan<float> p = probabilities.Row(part);
            Span<float> dx = dLogits.Row(part);
            double entropy = entropies.Row(part)[0], factor = -dEntropies.Row(part)[0] / temperature;
            for (int i = 0; i < p.Length; i++) dx[i] += p[i] > 0 ? (float)(factor * p[i] * (Math.Log(p[i]) + entropy)) : 0;
        }
    }
}
