namespace Hadal.Numerics;

/// <summary>The gated unit of feed-forward layers, Shazeer 2020 (arXiv 2002.05202): y = silu(gate) * up, silu(g) = g sigmoid(g).</summary>
public static unsafe class SwiGlu
{
    /// <summary>y = gate * sigmoid(gate) * up.</summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="gate">T x F.</param>
    /// <param name="up">T x F.</param>
    /// <param name="y">T x F, may be gate or up.</param>
    /// <exception cref="ArgumentException">A view is not F32 or the shapes differ.</exception>
    public static void Forward(WorkerPool pool, Matrix gate, Matrix up, Matrix y)
    {
        Shapes.Require(gate, gate.Rows, gate.Columns);
        Shapes.Require(up, gate.Rows, gate.Columns);
        Shapes.Require(y, gate.Rows, gate.Columns);
        ElementKernels.Run(pool, gate.Rows, gate.Columns, default(ForwardKernel), gate, up, default, y);
        GC.KeepAlive(gate.Buffer);
        GC.KeepAlive(up.Buffer);
        GC.KeepAlive(y.Buffer);
    }

    /// <summary>With s = sigmoid(gate): dGate += dy up s (1 + gate (1 - s)), dUp += dy gate s; or = instead of +=.</summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="gate">T x F, as given to forward.</param>
    /// <param name="up">T x F, as given to forward.</param>
    /// <param name="dy">T x F, gradient of y.</param>
    /// <param name="dGate">T x F; null if not wanted.</param>
    /// <param name="dUp">T x F; null if not wanted.</param>
    /// <param name="accumulate">Whether the gradients are added to what is there; otherwise they overwrite it.</param>
    /// <exception cref="ArgumentException">A view is not F32 or the shapes differ.</exception>
    public static void Backward(WorkerPool pool, Matrix gate, Matrix up, Matrix dy, Matrix? dGate, Matrix? dUp, bool accumulate = true)
    {
        Shapes.Require(gate, gate.Rows, gate.Columns);
        Shapes.Require(up, gate.Rows, gate.Columns);
        Shapes.Require(dy, gate.Rows, gate.Columns);
        Shapes.Require(dGate, gate.Rows, gate.Columns);
        Shapes.Require(dUp, gate.Rows, gate.Columns);
        ElementKernels.Run(
            pool, gate.Rows, gate.Columns, new BackwardKernel(dGate is not null, dUp is not null, accumulate), gate, up, dy, dGate, dUp);
        GC.KeepAlive(gate.Buffer);
        GC.KeepAlive(up.Buffer);
        GC.KeepAlive(dy.Buffer);
        GC.KeepAlive(dGate?.Buffer);
        GC.KeepAlive(dUp?.Buffer);
    }

    private readonly struct ForwardKernel : IElementKernel
    {
        public void Reference(in RowOperands row, nint i) => row.Y[i] = row.A[i] / (1 + MathF.Exp(-row.A[i])) * row.B[i];

        public void Vector<TSimd, TVector>(in RowOperands row, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector gate = TSimd.Load(row.A + i);
            TVector silu = TSimd.Multiply(gate, VectorMath.Sigmoid<TSimd, TVector>(gate));
            TSimd.Store(TSimd.Multiply(silu, TSimd.Load(row.B + i)), row.Y + i);
        }
    }

    private readonly struct BackwardKernel(bool wantsGate, bool wantsUp, bool accumulate) : IElementKernel
    {
        public void Reference(in RowOperands row, nint i)
        {
            float gate = row.A[i], up = row.B[i], dy = row.C[i];
            float s = 1 / (1 + MathF.Exp(-gate));
            if (wantsGate) row.Y[i] = (accumulate ? row.Y[i] : 0) + dy * up * (s * (1 + gate * (1 - s)));
            if (wantsUp) row.Z[i] = (accumulate ? row.Z[i] : 0) + dy * (gate * s);
        }

        public void Vector<TSimd, TVector>(in RowOperands row, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector gate = TSimd.Load(row.A + i), dy = TSimd.Load(row.C + i), one = TSimd.Broadcast(1f);
            TVector s = VectorMath.Sigmoid<TSimd, TVector>(gate);
            if (wantsGate)
            {
                TVector slope = TSimd.Multiply(s, TSimd.MultiplyAdd(gate, TSimd.Subtract(one, s), one));
                TVector outer = TSimd.Multiply(dy, TSimd.Load(row.B + i));
                TSimd.Store(TSimd.MultiplyAdd(outer, slope, accumulate ? TSimd.Load(row.Y + i) : TSimd.Zero), row.Y + i);
            }

            if (!wantsUp) return;
            TVector old = accumulate ? TSimd.Load(row.Z + i) : TSimd.Zero;
            TSimd.Store(TSimd.MultiplyAdd(dy, TSimd.Multiply(gate, s), old), row.Z + i);
        }
    }
}
