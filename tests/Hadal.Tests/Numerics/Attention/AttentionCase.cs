using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

/// <summary>
/// Inputs and results of one attention call. What a sequence holds depends on its seed alone, so the same sequence can be part of
/// different calls. All memory that belongs to no row is NaN: a kernel that reads it shows it.
/// </summary>
internal sealed class AttentionCase : IDisposable
{
    private readonly List<NativeBuffer> _buffers = [];
    private readonly int _gap;

    /// <param name="shape">Sizes of heads.</param>
    /// <param name="sequences">Queries, keys and seed of each sequence.</param>
    /// <param name="gap">Elements between the end of a row and the next.</param>
    /// <param name="shared">Whether values are columns of the keys, as in absorbed latent attention.</param>
    /// <param name="magnitude">Factor on the queries.</param>
    public AttentionCase(
        AttentionShape shape, (int Queries, int Keys, int Seed)[] sequences, int gap = 0, bool shared = false, float magnitude = 1)
    {
        Shape = shape;
        Shared = shared;
        _gap = gap;
        int rows = sequences.Sum(s => s.Queries);
        Q = Allocate(rows, shape.Heads * shape.KeyDim);
        Output = Allocate(rows, shape.Heads * shape.ValueDim);
        LogSumExp = Allocate(rows, shape.Heads);
        OutputGradient = Allocate(rows, shape.Heads * shape.ValueDim);
        QueryGradient = Allocate(rows, shape.Heads * shape.KeyDim);
        Sequences = new AttentionSequence[sequences.Length];
        Gradients = new AttentionSequence[sequences.Length];
        int start = 0;
        for (int i = 0; i < sequences.Length; i++)
        {
            (int queries, int keys, int seed) = sequences[i];
            Random random = new(seed);
            Sequences[i] = Allocate(start, queries, keys);
            Gradients[i] = Allocate(start, queries, keys);
            Fill(Sequences[i].Keys, random, 1);
            if (!shared) Fill(Sequences[i].Values, random, 1);
            Fill(Q.RowRange(start, queries), random, magnitude);
            Fill(OutputGradient.RowRange(start, queries), random, 1);
            Fill(QueryGradient.RowRange(start, queries), random, 1);
            Fill(Gradients[i].Keys, random, 1);
            if (!shared) Fill(Gradients[i].Values, random, 1);
            start += queries;
        }
    }

    public AttentionShape Shape { get; }

    public bool Shared { get; }

    public Matrix Q { get; }

    public Matrix Output { get; }

    public Matrix LogSumExp { get; }

    public Matrix OutputGradient { get; }

    public Matrix QueryGradient { get; }

    public AttentionSequence[] Sequences { get; }

    public AttentionSequence[] Gradients { get; }

    public void Forward(KernelKind kind, int workers = 2, ProductPrecision precision = ProductPrecision.F32)
    {
        using WorkerPool pool = new(workers);
        Attention.ForwardWith(kind, pool, Shape, Q, Sequences, Output, LogSumExp, precision);
    }

    public void Backward(KernelKind kind, int workers = 2, ProductPrecision precision = ProductPrecision.F32)
    {
        using WorkerPool pool = new(workers);
        Attention.BackwardWith(kind, pool, Shape, Q, Sequences, Output, LogSumExp, OutputGradient, QueryGradient, Gradients, precision);
    }

    /// <summary>Rounds the inputs to BF16, which then changes them no more.</summary>
    public void Round()
    {
        Round(Q);
        Round(OutputGradient);
        foreach (AttentionSequence sequence in Sequences)
        {
            Round(sequence.Keys);
            Round(sequence.Values);
        }

        static void Round(Matrix matrix)
        {
            for (int row = 0; row < matrix.Rows; row++)
            {
                foreach (ref float x in matrix.Row(row)) x = BFloat16.FromSingle(x);
            }
        }
    }

    /// <summary>A matrix of NaN with this case's gap between rows.</summary>
    public Matrix Allocate(int rows, int columns)
    {
        NativeBuffer buffer = new((long)rows * (columns + _gap) * sizeof(float));
        _buffers.Add(buffer);
        buffer.AsSpan<float>(0, rows * (columns + _gap)).Fill(float.NaN);
        return new Matrix(buffer, ElementType.F32, 0, rows, columns, columns + _gap);
    }

    public static float[] Read(Matrix matrix)
    {
        float[] result = new float[matrix.Rows * matrix.Columns];
        for (int row = 0; row < matrix.Rows; row++) matrix.Row(row).CopyTo(result.AsSpan(row * matrix.Columns));
        return result;
    }

    /// <summary>The bits of a matrix, which tell -0 from 0 and one NaN from another.</summary>
    public static int[] Bits(Matrix matrix) => Array.ConvertAll(Read(matrix), BitConverter.SingleToInt32Bits);

    public void Dispose()
    {
        foreach (NativeBuffer buffer in _buffers) buffer.Dispose();
    }

    private AttentionSequence Allocate(int start, int queries, int keys)
    {
        Matrix k = Allocate(keys, Shape.KeyHeads * Shape.KeyDim);
        Matrix v = Shared ? k.ColumnRange(0, Shape.ValueDim) : Allocate(keys, Shape.KeyHeads * Shape.ValueDim);
        return new AttentionSequence(start, queries, k, v);
    }

    private static void Fill(Matrix matrix, Random random, float magnitude)
    {
        for (int row = 0; row < matrix.Rows; row++)
        {
            foreach (ref float x in matrix.Row(row)) x = magnitude * (2 * random.NextSingle() - 1);
        }
    }
}
