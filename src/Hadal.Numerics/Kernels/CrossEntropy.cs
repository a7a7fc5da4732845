namespace Hadal.Numerics;

/// <summary>
/// Cross entropy of a row of logits against a token id: loss = log(sum(exp(x))) - x[target], with the maximum subtracted first. A row
/// with a negative target is ignored: loss 0, logSumExp 0, no gradient.
/// </summary>
/// <remarks>
/// Backward takes exp(x - logSumExp) with logSumExp rounded to F32, so probabilities carry a relative error of |logSumExp| * 2^-24
/// beside that of exp. A row of nothing but -inf has loss +inf and no gradient.
/// </remarks>
public static unsafe class CrossEntropy
{
    /// <summary>Computes the loss of each row.</summary>
    /// <param name="pool">Computes blocks of rows.</param>
    /// <param name="logits">T x V.</param>
    /// <param name="targets">T token ids; negative: ignored.</param>
    /// <param name="losses">T x 1, receives the losses.</param>
    /// <param name="logSumExp">T x 1, receives log(sum(exp(x))), which backward needs.</param>
    /// <exception cref="ArgumentException">A view is not F32 or has another shape.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A target is V or more; nothing was written.</exception>
    public static void Forward(WorkerPool pool, Matrix logits, ReadOnlySpan<int> targets, Matrix losses, Matrix logSumExp)
    {
        Shapes.Require(logits, logits.Rows, logits.Columns);
        Shapes.Require(losses, logits.Rows, 1);
        Shapes.Require(logSumExp, logits.Rows, 1);
        Shapes.RequireLength(targets.Length, logits.Rows, nameof(targets));
        Shapes.RequireIndices(targets, logits.Columns, nameof(targets), negativeAllowed: true);
        fixed (int* ids = targets)
        {
            TileKernels.Run(pool, TileGrid.WholeRows(logits.Rows, logits.Columns), new ForwardRow(logits, ids, losses, logSumExp));
        }

        GC.KeepAlive(logits.Buffer);
        GC.KeepAlive(losses.Buffer);
        GC.KeepAlive(logSumExp.Buffer);
    }

    /// <summary>dLogits += lossGradient (softmax(logits) - onehot(target)).</summary>
    /// <param name="pool">Computes blocks of rows.</param>
    /// <param name="logits">T x V, as given to forward.</param>
    /// <param name="targets">T token ids, as given to forward.</param>
    /// <param name="logSumExp">T x 1, from forward.</param>
    /// <param name="lossGradients">T x 1, gradient of each row's loss.</param>
    /// <param name="dLogits">T x V, added to.</param>
    /// <exception cref="ArgumentException">A view is not F32 or has another shape.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A target is V or more; nothing was written.</exception>
    public static void Backward(
        WorkerPool pool, Matrix logits, ReadOnlySpan<int> targets, Matrix logSumExp, Matrix lossGradients, Matrix dLogits)
    {
        Shapes.Require(logits, logits.Rows, logits.Columns);
        Shapes.Require(logSumExp, logits.Rows, 1);
        Shapes.Require(lossGradients, logits.Rows, 1);
        Shapes.Require(dLogits, logits.Rows, logits.Columns);
        Shapes.RequireLength(targets.Length, logits.Rows, nameof(targets));
        Shapes.RequireIndices(targets, logits.Columns, nameof(targets), negativeAllowed: true);
        fixed (int* ids = targets)
        {
            BackwardRow kernel = new(logits, ids, logSumExp, lossGradients, dLogits);
            TileKernels.Run(pool, TileGrid.WholeRows(logits.Rows, logits.Columns), kernel);
        }

        GC.KeepAlive(logits.Buffer);
        GC.KeepAlive(logSumExp.Buffer);
        GC.KeepAlive(lossGradients.Buffer);
        GC.KeepAlive(dLogits.Buffer);
    }

    /// <summary>
    /// Writes the gradient over the logits: lossGradient (softmax - onehot(target)) + logSumExpGradient softmax, and zeros in rows that are
    /// ignored. For callers that need the logits no longer, as when they are computed in stretches of rows.
    /// </summary>
    /// <param name="pool">Computes blocks of rows.</param>
    /// <param name="logits">T x V, as given to forward; receives the gradient.</param>
    /// <param name="targets">T token ids, as given to forward.</param>
    /// <param name="logSumExp">T x 1, from forward.</param>
    /// <param name="lossGradients">T x 1, gradient of each row's loss.</param>
    /// <param name="logSumExpGradients">T x 1, gradient of each row's logSumExp; null for none.</param>
    /// <exception cref="ArgumentException">A view is not F32 or has another shape.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A target is V or more; nothing was written.</exception>
    public static void ReplaceByGradient(
        WorkerPool pool, Matrix logits, ReadOnlySpan<int> targets, Matrix logSumExp, Matrix lossGradients, Matrix? logSumExpGradients)
    {
        Shapes.Require(logits, logits.Rows, logits.Columns);
        Shapes.Require(logSumExp, logits.Rows, 1);
        Shapes.Require(lossGradients, logits.Rows, 1);
        Shapes.Require(logSumExpGradients, logits.Rows, 1);
        Shapes.RequireLength(targets.Length, logits.Rows, nameof(targets));
        Shapes.RequireIndices(targets, logits.Columns, nameof(targets), negativeAllowed: true);
        fixed (int* ids = targets)
        {
            ReplaceRow kernel = new(logits, ids, logSumExp, lossGradients, logSumExpGradients, logSumExpGradients is not null);
            TileKernels.Run(pool, TileGrid.WholeRows(logits.Rows, logits.Columns), kernel);
        }

        GC.KeepAlive(logits.Buffer);
        GC.KeepAlive(logSumExp.Buffer);
        GC.KeepAlive(lossGradients.Buffer);
        GC.KeepAlive(logSumExpGradients?.Buffer);
    }

    private readonly struct ForwardRow(RowsOf logits, int* targets, RowsOf losses, RowsOf logSumExp) : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            if (Ignored(row)) return;
            float* x = logits[row];
            float max = RowReductions.MaxReference(x, end);
            double sum = 0;
            for (int i = 0; i < end; i++) sum += float.IsNegativeInfinity(max) ? 0 : MathF.Exp(x[i] - max);
            Finish(row, max, sum);
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            if (Ignored(row)) return;
            float max = RowReductions.Max<TSimd, TVector>(logits[row], end);
            double sum = float.IsNegativeInfinity(max)
                ? 0 : RowReductions.Sum<TSimd, TVector, ShiftedExp>(new ShiftedExp(logits[row], max), end);
            Finish(row, max, sum);
        }

        private bool Ignored(int row)
        {
            if (targets[row] >= 0) return false;
            losses[row][0] = 0;
            logSumExp[row][0] = 0;
            return true;
        }

        // The loss is formed from (max - x), which is exact or nearly so, before the logarithm is added: logits of 1e4 cost no digits.
        private void Finish(int row, float max, double sum)
        {
            bool empty = float.IsNegativeInfinity(max);
            double logarithm = Math.Log(sum);
            losses[row][0] = empty ? float.PositiveInfinity : (float)((double)max - logits[row][targets[row]] + logarithm);
            logSumExp[row][0] = empty ? float.NegativeInfinity : (float)(max + logarithm);
        }
    }

    private readonly struct ShiftedExp(float* x, float max) : ISumTerm
    {
        public TVector Add<TSimd, TVector>(TVector sum, nint i) where TSimd : struct, ISimd<TVector> where TVector : struct =>
            TSimd.Add(sum, VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(x + i), TSimd.Broadcast(max))));
    }

    private readonly struct BackwardRow(RowsOf logits, int* targets, RowsOf logSumExp, RowsOf lossGradients, RowsOf dLogits) : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            if (HasNoGradient(row)) return;
            float gradient = lossGradients[row][0], shift = logSumExp[row][0];
            for (int i = 0; i < end; i++) dLogits[row][i] += gradient * MathF.Exp(logits[row][i] - shift);
            dLogits[row][targets[row]] -= gradient;
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            if (HasNoGradient(row)) return;
            float gradient = lossGradients[row][0];
            ElementKernels.Range<TSimd, TVector, AddProbability>(
                new AddProbability(gradient, logSumExp[row][0]), new RowOperands(logits[row], null, null, dLogits[row], null), 0, end);
            dLogits[row][targets[row]] -= gradient;
        }

        private bool HasNoGradient(int row) => targets[row] < 0 || float.IsNegativeInfinity(logSumExp[row][0]);
    }

    private readonly struct AddProbability(float gradient, float shift) : IElementKernel
    {
        public void Reference(in RowOperands row, nint i) => row.Y[i] += gradient * MathF.Exp(row.A[i] - shift);

        public void Vector<TSimd, TVector>(in RowOperands row, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector p = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(row.A + i), TSimd.Broadcast(shift)));
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Broadcast(gradient), p, TSimd.Load(row.Y + i)), row.Y + i);
        }
    }

    private readonly struct ReplaceRow(
        RowsOf logits, int* targets, RowsOf logSumExp, RowsOf lossGradients, RowsOf logSumExpGradients, bool hasLogSumExpGradients) : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            if (Cleared(row, end)) return;
            float factor = Factor(row), shift = logSumExp[row][0];
            for (int i = 0; i < end; i++) logits[row][i] = factor * MathF.Exp(logits[row][i] - shift);
            logits[row][targets[row]] -= lossGradients[row][0];
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            if (Cleared(row, end)) return;
            ElementKernels.Range<TSimd, TVector, ScaledProbability>(
                new ScaledProbability(Factor(row), logSumExp[row][0]), new RowOperands(logits[row], null, null, logits[row], null), 0, end);
            logits[row][targets[row]] -= lossGradients[row][0];
        }

        private float Factor(int row) => hasLogSumExpGradients ? lossGradients[row][0] + logSumExpGradients[row][0] : lossGradients[row][0];

        private bool Cleared(int row, int end)
        {
            if (targets[row] >= 0 && !float.IsNegativeInfinity(logSumExp[row][0])) return false;
            new Span<float>(logits[row], end).Clear();
            return true;
        }
    }

    private readonly struct ScaledProbability(float factor, float shift) : IElementKernel
    {
        public void Reference(in RowOperands row, nint i) => row.Y[i] = factor * MathF.Exp(row.A[i] - shift);

        public void Vector<TSimd, TVector>(in RowOperands row, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector p = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(row.A + i), TSimd.Broadcast(shift)));
            TSimd.Store(TSimd.Multiply(TSimd.Broadcast(factor), p), row.Y + i);
        }
    }
}
