using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Tests.Autograd;

/// <summary>
/// A layer in small: embeddings, norm, rotated grouped-query attention, residual, norm, routed experts, residual, head, cross entropy.
/// Every operation but those of latent attention takes part.
/// </summary>
internal sealed class Block : IDisposable
{
    private const int Vocabulary = 50, Hidden = 48, Heads = 4, KeyHeads = 2, HeadDim = 12, Experts = 6, Width = 20;

    private static readonly AttentionShape s_attention = new(Heads, KeyHeads, HeadDim, HeadDim, 0.3f);
    private static readonly RoutingRule s_rule = new(ScoreFunction.Sigmoid, ExpertSelection.NoAuxiliaryLoss, 2, 3, 2, true, 1.5f);
    private static readonly float[] s_bias = [-0.2f, 0.1f, 0, -0.1f, 0.3f, 0];

    private readonly Tensor _table = Parameter(1, new Shape(Vocabulary, Hidden)), _attentionNorm = Parameter(2, new Shape(Hidden));
    private readonly Tensor _q = Parameter(3, new Shape(Heads * HeadDim, Hidden)), _k = Parameter(4, new Shape(KeyHeads * HeadDim, Hidden));
    private readonly Tensor _v = Parameter(5, new Shape(KeyHeads * HeadDim, Hidden)), _o = Parameter(6, new Shape(Hidden, Heads * HeadDim));
    private readonly Tensor _bias = Parameter(7, new Shape(Heads * HeadDim)), _expertNorm = Parameter(8, new Shape(Hidden));
    private readonly Tensor _router = Parameter(9, new Shape(Experts, Hidden)), _gate = Parameter(10, new Shape(Experts, Width, Hidden));
    private readonly Tensor _up = Parameter(11, new Shape(Experts, Width, Hidden)), _down = Parameter(12, new Shape(Experts, Hidden, Width));
    private readonly int[] _ids;
    private readonly float[] _weights;
    private readonly SequenceRows[] _sequences;
    private readonly RotaryAngles _angles;

    /// <summary>One sequence of some tokens.</summary>
    public Block(WorkerPool pool, int tokens) : this(pool, [(1, tokens)])
    {
    }

    /// <summary>Several sequences: the seed of each one's tokens, and their number.</summary>
    public Block(WorkerPool pool, (int Seed, int Tokens)[] sequences)
    {
        Recording = new Graph(pool, recording: true);
        _ids = [.. sequences.SelectMany(s => Ids(s.Seed, s.Tokens))];
        _weights = [.. Enumerable.Range(0, _ids.Length).Select(i => 1f / (i + 1))];
        _sequences = new SequenceRows[sequences.Length];
        int start = 0;
        for (int s = 0; s < sequences.Length; s++)
        {
            _sequences[s] = new SequenceRows(start, sequences[s].Tokens);
            start += sequences[s].Tokens;
        }

        int longest = sequences.Max(s => s.Tokens);
        Tensor cos = Tensor.Create(new Shape(longest, HeadDim / 2)), sin = Tensor.Create(cos.Shape);
        for (int i = 0; i < cos.Shape.Count; i++) (sin.Span[i], cos.Span[i]) = MathF.SinCos(i / (HeadDim / 2) * MathF.Pow(0.3f, i % (HeadDim / 2)));
        int[] positions = [.. sequences.SelectMany(s => Enumerable.Range(0, s.Tokens))];
        _angles = new RotaryAngles(cos, sin, RotaryLayout.Interleaved, positions);
    }

    public Graph Recording { get; }

    public Tensor[] Parameters => [_table, _attentionNorm, _q, _k, _v, _o, _bias, _expertNorm, _router, _gate, _up, _down];

    public Tensor Forward(Graph g) => g.WeightedSum(g.CrossEntropy(Logits(g), _ids), _weights);

    public Tensor Logits(Graph g)
    {
        Tensor x = g.Rows(_table, _ids);
        Tensor h = g.RmsNorm(x, _attentionNorm, 1e-6f);
        Tensor q = g.Rotary(g.Linear(h, _q, _bias), Heads, 0, _angles), k = g.Rotary(g.Linear(h, _k), KeyHeads, 0, _angles);
        x = g.Add(x, g.Linear(g.Attention(s_attention, q, k, g.Linear(h, _v), _sequences), _o));
        h = g.RmsNorm(x, _expertNorm, 1e-6f);
        Routes routes = g.RouteToExperts(g.Linear(h, _router), s_bias, s_rule);
        x = g.Add(x, g.RoutedExperts(h, routes, new ExpertWeights(_gate, _up, _down)));
        return g.Linear(x, _table);
    }

    public void Dispose()
    {
        Recording.Dispose();
        foreach (Tensor parameter in Parameters) parameter.Dispose();
        _angles.Cos.Dispose();
        _angles.Sin.Dispose();
    }

    private static Tensor Parameter(int seed, Shape shape) => FiniteDifferences.Input(seed, shape);

    private static int[] Ids(int seed, int count)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(Vocabulary))];
    }
}
