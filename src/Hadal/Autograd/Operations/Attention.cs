using System.Buffers;
using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>The rows of one sequence among the tokens of a batch.</summary>
/// <param name="Start">First row.</param>
/// <param name="Count">Number of rows.</param>
public readonly record struct SequenceRows(int Start, int Count);

/// <summary>Causal softmax attention. Saves q, k, v, the output and one log-sum-exp per row and head, never the scores.</summary>
public static class AttentionOperation
{
    /// <summary>Every token attends to itself and to the earlier tokens of its own sequence.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="shape">Heads, dimensions and the scale of the scores.</param>
    /// <param name="q">[tokens, heads * keyDim].</param>
    /// <param name="k">[tokens, keyHeads * keyDim].</param>
    /// <param name="v">[tokens, keyHeads * valueDim].</param>
    /// <param name="sequences">Which rows form a sequence, first to last; attention doesn't cross them.</param>
    /// <returns>[tokens, heads * valueDim].</returns>
    /// <exception cref="ArgumentException">Shapes contradict each other, or the sequences don't follow each other over all tokens.</exception>
    public static Tensor Attention(this Graph g, AttentionShape shape, Tensor q, Tensor k, Tensor v, ReadOnlyMemory<SequenceRows> sequences)
    {
        int next = 0, tokens = q.Shape.Rows;
        foreach (SequenceRows rows in sequences.Span) next = End(rows.Start, rows.Count, next, tokens);
        RequireEnd(next, tokens);
        Tensor output = g.Allocate(new Shape(tokens, shape.Heads * shape.ValueDim), g.Records(q, k, v));
        Tensor? logSumExp = output.RequiresGradient ? g.Allocate(new Shape(tokens, shape.Heads)) : null;
        using Views views = new(k.AsMatrix(), v.AsMatrix(), sequences.Span);
        Numerics.Attention.Forward(g.Workers, shape, q.AsMatrix(), views.Span, output.AsMatrix(), logSumExp?.AsMatrix(), g.Precision.WithoutF8());
        if (logSumExp is not null) g.Record(new Backpropagation(shape, q, k, v, sequences, logSumExp, output));
        return output;
    }

    /// <summary>Attention to keys and values that lie elsewhere, in caches. Nothing is recorded.</summary>
    /// <param name="g">A graph that doesn't record.</param>
    /// <param name="shape">Heads, dimensions and the scale of the scores.</param>
    /// <param name="q">[tokens, heads * keyDim].</param>
    /// <param name="sequences">Each sequence's queries, keys and values; queries follow each other over all tokens.</param>
    /// <param name="precision">What products may round their factors to.</param>
    /// <returns>[tokens, heads * valueDim].</returns>
    /// <exception cref="ArgumentException">Shapes contradict each other, or the sequences don't follow each other over all tokens.</exception>
    /// <exception cref="InvalidOperationException">The graph records.</exception>
    public static Tensor Attention(this Graph g, AttentionShape shape, Tensor q, ReadOnlySpan<AttentionSequence> sequences, ProductPrecision precision = ProductPrecision.F32)
    {
        if (g.IsRecording) throw new InvalidOperationException("attention to a cache has no backward; use a graph that does not record");
        int next = 0, tokens = q.Shape.Rows;
        foreach (ref readonly AttentionSequence rows in sequences) next = End(rows.QueryStart, rows.QueryCount, next, tokens);
        RequireEnd(next, tokens);
        Tensor output = g.Allocate(new Shape(tokens, shape.Heads * shape.ValueDim));
        Numerics.Attention.Forward(g.Workers, shape, q.AsMatrix(), sequences, output.AsMatrix(), logSumExp: null, precision);
        return output;
    }

    // Rows of no sequence would keep what the memory held before, and rows of two would be written twice at once.
    private static int End(int start, int count, int next, int tokens) => start == next && count >= 0 && count <= tokens - next
        ? start + count
        : throw new ArgumentException($"a sequence has {count} rows from {start}, expected it to start at {next} and to end by {tokens}");

    private static void RequireEnd(int next, int tokens)
    {
        if (next != tokens) throw new ArgumentException($"the sequences end at row {next} of {tokens}");
    }

    private sealed class Backpropagation(
        AttentionShape shape, Tensor q, Tensor k, Tensor v, ReadOnlyMemory<SequenceRows> sequences, Tensor logSumExp, Tensor output) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(output) is not { } dOutput) return;

            // The kernel computes the three gradients in one pass; one that nobody asked for goes to borrowed memory.
            using Tensor? unusedQ = q.RequiresGradient ? null : g.Borrow(q.Shape);
            using Tensor? unusedK = k.RequiresGradient ? null : g.Borrow(k.Shape);
            using Tensor? unusedV = v.RequiresGradient ? null : g.Borrow(v.Shape);
            using Views inputs = new(k.AsMatrix(), v.AsMatrix(), sequences.Span);
            using Views gradients = new(
                g.GradientOf(k) ?? unusedK!.AsMatrix(), g.GradientOf(v) ?? unusedV!.AsMatrix(), sequences.Span);
            Numerics.Attention.Backward(
                g.Workers, shape, q.AsMatrix(), inputs.Span, output.AsMatrix(), logSumExp.AsMatrix(), dOutput,
                g.GradientOf(q) ?? unusedQ!.AsMatrix(), gradients.Span, g.Precision.WithoutF8());
        }
    }

    // Views of each sequence's rows, in a rented array: an operation allocates none in steady state.
    private readonly ref struct Views
    {
        private readonly AttentionSequence[] _array;
        private readonly int _count;

        public Views(Matrix keys, Matrix values, ReadOnlySpan<SequenceRows> sequences)
        {
            _count = sequences.Length;
            _array = ArrayPool<AttentionSequence>.Shared.Rent(_count);
            for (int i = 0; i < _count; i++)
            {
                (int start, int count) = (sequences[i].Start, sequences[i].Count);
                _array[i] = new AttentionSequence(start, count, keys.RowRange(start, count), values.RowRange(start, count));
            }
        }

        public ReadOnlySpan<AttentionSequence> Span => _array.AsSpan(0, _count);

        public void Dispose() => ArrayPool<AttentionSequence>.Shared.Return(_array, clearArray: true);
    }
}
