using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>
/// The weighted sum of each token's expert outputs, and its gradients. Rows of <c>expertRows</c> are sorted by expert;
/// <c>slots[t * TopK + k]</c> tells where the output of token t's k-th expert lies.
/// </summary>
public static unsafe class ExpertCombination
{
    private const int TokensPerPart = 8;

    /// <summary>y[t] = Σ_k weights[t, k] · expertRows[slots[t, k]], added in the order of k.</summary>
    /// <param name="pool">Threads to use.</param>
    /// <param name="expertRows">[tokens * TopK, hidden].</param>
    /// <param name="slots">[tokens * TopK].</param>
    /// <param name="weights">[tokens, TopK].</param>
    /// <param name="y">[tokens, hidden], overwritten.</param>
    /// <exception cref="ArgumentException">Shapes contradict each other.</exception>
    public static void Combine(WorkerPool pool, Matrix expertRows, ReadOnlySpan<int> slots, Matrix weights, Matrix y) =>
        Run(Part.Combine, pool, y, expertRows, slots, weights);

    /// <summary>expertRows[slots[t, k]] = weights[t, k] · dy[t]: the gradient of <see cref="Combine"/> with respect to its rows.</summary>
    /// <param name="pool">Threads to use.</param>
    /// <param name="dy">[tokens, hidden].</param>
    /// <param name="slots">[tokens * TopK].</param>
    /// <param name="weights">[tokens, TopK].</param>
    /// <param name="expertRows">[tokens * TopK, hidden], overwritten.</param>
    /// <exception cref="ArgumentException">Shapes contradict each other.</exception>
    public static void Distribute(WorkerPool pool, Matrix dy, ReadOnlySpan<int> slots, Matrix weights, Matrix expertRows) =>
        Run(Part.Distribute, pool, dy, expertRows, slots, weights);

    /// <summary>dWeights[t, k] += dy[t] · expertRows[slots[t, k]].</summary>
    /// <param name="pool">Threads to use.</param>
    /// <param name="dy">[tokens, hidden].</param>
    /// <param name="slots">[tokens * TopK].</param>
    /// <param name="expertRows">[tokens * TopK, hidden].</param>
    /// <param name="dWeights">[tokens, TopK], added to.</param>
    /// <exception cref="ArgumentException">Shapes contradict each other.</exception>
    public static void AddWeightGradient(WorkerPool pool, Matrix dy, ReadOnlySpan<int> slots, Matrix expertRows, Matrix dWeights) =>
        Run(Part.WeightGradient, pool, dy, expertRows, slots, dWeights);

    /// <summary>
    /// y[t] = Σ_k expertRows[slots[t, k]], or += it, added in ascending order of the slots, which is that of the experts: the gradient of
    /// copying each token to its experts.
    /// </summary>
    /// <param name="pool">Threads to use.</param>
    /// <param name="expertRows">[tokens * TopK, hidden].</param>
    /// <param name="slots">[tokens * TopK].</param>
    /// <param name="y">[tokens, hidden].</param>
    /// <param name="accumulate">Whether y is added to; otherwise it is overwritten.</param>
    /// <exception cref="ArgumentException">Shapes contradict each other.</exception>
    public static void AddUp(WorkerPool pool, Matrix expertRows, ReadOnlySpan<int> slots, Matrix y, bool accumulate)
    {
        if (y.Columns != expertRows.Columns || slots.Length != expertRows.Rows || (y.Rows == 0 ? slots.Length != 0 : slots.Length % y.Rows != 0))
        {
            throw new ArgumentException(
                $"token rows {y.Rows}x{y.Columns}, expert rows {expertRows.Rows}x{expertRows.Columns} and {slots.Length} slots don't fit together",
                nameof(expertRows));
        }

        Shapes.RequireIndices(slots, expertRows.Rows, nameof(slots));
        fixed (int* pinned = slots)
        {
            TileKernels.Run(
                pool, TileGrid.WholeRows(y.Rows, y.Columns), new AddUpRow(expertRows, pinned, y.Rows == 0 ? 0 : slots.Length / y.Rows, y, accumulate));
        }

        GC.KeepAlive(expertRows.Buffer);
        GC.KeepAlive(y.Buffer);
    }

    private static void Run(Part part, WorkerPool pool, Matrix tokenRows, Matrix expertRows, ReadOnlySpan<int> slots, Matrix weights)
    {
        if (tokenRows.Columns != expertRows.Columns || weights.Rows != tokenRows.Rows ||
            (long)weights.Rows * weights.Columns != expertRows.Rows || slots.Length != expertRows.Rows)
        {
            throw new ArgumentException(
                $"token rows {tokenRows.Rows}x{tokenRows.Columns}, expert rows {expertRows.Rows}x{expertRows.Columns}, " +
                $"weights {weights.Rows}x{weights.Columns} and {slots.Length} slots don't fit together", nameof(expertRows));
        }

        foreach (int slot in slots)
        {
            if ((uint)slot >= (uint)expertRows.Rows) throw new ArgumentException($"slot {slot} is none of {expertRows.Rows} rows", nameof(slots));
        }

        fixed (int* pinned = slots)
        {
            Job job = new(part, tokenRows, expertRows, pinned, weights);
            pool.Run(ref job, (tokenRows.Rows + TokensPerPart - 1) / TokensPerPart);
        }

        GC.KeepAlive(tokenRows.Buffer);
        GC.KeepAlive(expertRows.Buffer);
        GC.KeepAlive(weights.Buffer);
    }

    private enum Part
    {
        Combine,
        Distribute,
        WeightGradient,
    }

    private readonly struct AddUpRow(RowsOf expertRows, int* slots, int topK, RowsOf y, bool accumulate) : ITileKernel
    {
        public void Reference(int row, int start, int end) => Vector<SimdScalar, float>(row, start, end);

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            Span<int> ascending = stackalloc int[topK];
            new ReadOnlySpan<int>(slots + (long)row * topK, topK).CopyTo(ascending);
            ascending.Sort();
            if (!accumulate) new Span<float>(y[row] + start, end - start).Clear();
            foreach (int slot in ascending)
            {
                ElementKernels.Range<TSimd, TVector, AddKernel>(
                    default, new RowOperands(y[row], expertRows[slot], null, y[row], null), start, end);
            }
        }
    }

    private readonly struct Job(Part part, Matrix tokenRows, Matrix expertRows, int* slots, Matrix weights) : IParallelJob
    {
        private readonly float* _tokens = tokenRows.F32, _experts = expertRows.F32, _weights = weights.F32;
        private readonly long _tokenStride = tokenRows.RowStride, _expertStride = expertRows.RowStride, _weightStride = weights.RowStride;
        private readonly int _rows = tokenRows.Rows, _columns = tokenRows.Columns, _topK = weights.Columns;
        private readonly int* _slots = slots;

        public void Execute(int index)
        {
            int end = Math.Min(_rows, (index + 1) * TokensPerPart);
            for (int t = index * TokensPerPart; t < end; t++)
            {
                if (KernelSelection.Current == KernelKind.Reference) Token<SimdScalar, float>(t);
                else if (Vector512.IsHardwareAccelerated) Token<Simd512, Vector512<float>>(t);
                else if (Vector256.IsHardwareAccelerated) Token<Simd256, Vector256<float>>(t);
                else Token<Simd128, Vector128<float>>(t);
            }
        }

        private void Token<TSimd, TVector>(int t) where TSimd : ISimd<TVector> where TVector : struct
        {
            float* token = _tokens + t * _tokenStride;
            if (part == Part.Combine) new Span<float>(token, _columns).Clear();
            for (int k = 0; k < _topK; k++)
            {
                float* row = _experts + _slots[t * _topK + k] * _expertStride;
                float* weight = _weights + t * _weightStride + k;
                if (part == Part.Combine) AddScaled<TSimd, TVector>(row, *weight, token);
                else if (part == Part.Distribute) Scale<TSimd, TVector>(token, *weight, row);
                else *weight += Dot<TSimd, TVector>(token, row);
            }
        }

        private void AddScaled<TSimd, TVector>(float* x, float scale, float* y) where TSimd : ISimd<TVector> where TVector : struct
        {
            TVector factor = TSimd.Broadcast(scale);
            int c = 0;
            for (; c <= _columns - TSimd.Lanes; c += TSimd.Lanes)
            {
                TSimd.Store(TSimd.MultiplyAdd(factor, TSimd.Load(x + c), TSimd.Load(y + c)), y + c);
            }

            for (; c < _columns; c++) y[c] = float.MultiplyAddEstimate(scale, x[c], y[c]);
        }

        private void Scale<TSimd, TVector>(float* x, float scale, float* y) where TSimd : ISimd<TVector> where TVector : struct
        {
            TVector factor = TSimd.Broadcast(scale);
            int c = 0;
            for (; c <= _columns - TSimd.Lanes; c += TSimd.Lanes) TSimd.Store(TSimd.Multiply(factor, TSimd.Load(x + c)), y + c);
            for (; c < _columns; c++) y[c] = scale * x[c];
        }

        private float Dot<TSimd, TVector>(float* x, float* y) where TSimd : ISimd<TVector> where TVector : struct
        {
            TVector sum = TSimd.Zero;
            int c = 0;
            for (; c <= _columns - TSimd.Lanes; c += TSimd.Lanes) sum = TSimd.MultiplyAdd(TSimd.Load(x + c), TSimd.Load(y + c), sum);
            float total = TSimd.Sum(sum);
            for (; c < _columns; c++) total = float.MultiplyAddEstimate(x[c], y[c], total);
            return total;
        }
    }
}
