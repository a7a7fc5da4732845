using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>The elementwise halves of a Muon step: what is orthogonalised, and what becomes of the result.</summary>
public static unsafe class MomentumUpdate
{
    /// <summary>
    /// m = μ m + g; direction = g + μ m after Nesterov, else m. Momentum held in BF16 is used as computed, then rounded to nearest even.
    /// </summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="gradient">T x D, F32; null stands for zeros.</param>
    /// <param name="gradientScale">Factor of the gradient.</param>
    /// <param name="factor">μ.</param>
    /// <param name="nesterov">Whether the direction looks one step ahead.</param>
    /// <param name="momentum">T x D, F32 or BF16, updated.</param>
    /// <param name="direction">T x D, F32, written.</param>
    /// <param name="clearGradient">Whether the gradient becomes zero.</param>
    /// <exception cref="ArgumentException">A view has another type or shape.</exception>
    public static void Accumulate(
        WorkerPool pool,
        Matrix? gradient,
        double gradientScale,
        double factor,
        bool nesterov,
        Matrix momentum,
        Matrix direction,
        bool clearGradient = false)
    {
        int rows = direction.Rows, columns = direction.Columns;
        Shapes.Require(gradient, rows, columns);
        Shapes.Require(direction, rows, columns);
        StoredRows.Require(momentum, rows, columns, f32: true, bfloat16: true);
        TileGrid grid = TileGrid.Elements(rows, columns);
        float scale = (float)gradientScale, mu = (float)factor;
        if (momentum.ElementType == ElementType.BF16)
        {
            TileKernels.Run(
                pool, grid, new MomentumTile<BFloat16Lanes>(gradient, scale, mu, nesterov, momentum, direction, clearGradient));
        }
        else
        {
            TileKernels.Run(pool, grid, new MomentumTile<F32Lanes>(gradient, scale, mu, nesterov, momentum, direction, clearGradient));
        }

        GC.KeepAlive(gradient?.Buffer);
        GC.KeepAlive(momentum.Buffer);
        GC.KeepAlive(direction.Buffer);
    }

    /// <summary>w -= rate * direction + decay * w.</summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="direction">T x D, F32.</param>
    /// <param name="rate">Factor of the direction.</param>
    /// <param name="decay">Share of the weight that is taken away.</param>
    /// <param name="weights">T x D, F32, updated.</param>
    /// <param name="rounded">T x D, BF16, receives the new weights; null if not wanted.</param>
    /// <exception cref="ArgumentException">A view has another type or shape.</exception>
    public static void Apply(WorkerPool pool, Matrix direction, double rate, double decay, Matrix weights, Matrix? rounded = null)
    {
        int rows = weights.Rows, columns = weights.Columns;
        Shapes.Require(direction, rows, columns);
        Shapes.Require(weights, rows, columns);
        StoredRows.Require(rounded, rows, columns, f32: false, bfloat16: true);
        TileKernels.Run(
            pool, TileGrid.Elements(rows, columns), new WeightTile(direction, (float)rate, (float)decay, weights, rounded));
        GC.KeepAlive(direction.Buffer);
        GC.KeepAlive(weights.Buffer);
        GC.KeepAlive(rounded?.Buffer);
    }

    private readonly struct MomentumTile<TStored>(
        RowsOf gradients, float scale, float factor, bool nesterov, StoredRows momenta, RowsOf directions, bool clearGradient) : ITileKernel
        where TStored : struct, IStoredLanes
    {
        public void Reference(int row, int start, int end)
        {
            float* gradient = gradients[row], direction = directions[row];
            void* momentum = momenta[row];
            for (nint i = start; i < end; i++)
            {
                float g = gradient == null ? 0 : gradient[i] * scale;
                float m = factor * TStored.Load<SimdScalar, float>(momentum, i) + g;
                TStored.Store<SimdScalar, float>(m, momentum, i);
                direction[i] = nesterov ? g + factor * m : m;
                if (gradient != null && clearGradient) gradient[i] = 0;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            float* gradient = gradients[row], direction = directions[row];
            void* momentum = momenta[row];
            bool clear = gradient != null && clearGradient;
            nint i = start;
            for (; i <= end - TSimd.Lanes; i += TSimd.Lanes)
            {
                Update<TSimd, TVector>(gradient, scale, factor, nesterov, momentum, direction, clear, i);
            }

            for (; i < end; i++) Update<SimdScalar, float>(gradient, scale, factor, nesterov, momentum, direction, clear, i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Update<TSimd, TVector>(
            float* gradient, float scale, float factor, bool nesterov, void* momentum, float* direction, bool clear, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector g = gradient == null ? TSimd.Zero : TSimd.Multiply(TSimd.Load(gradient + i), TSimd.Broadcast(scale));
            TVector m = TSimd.MultiplyAdd(TSimd.Broadcast(factor), TStored.Load<TSimd, TVector>(momentum, i), g);
            TStored.Store<TSimd, TVector>(m, momentum, i);
            TSimd.Store(nesterov ? TSimd.MultiplyAdd(TSimd.Broadcast(factor), m, g) : m, direction + i);
            if (clear) TSimd.Store(TSimd.Zero, gradient + i);
        }
    }

    private readonly struct WeightTile(RowsOf directions, float rate, float decay, RowsOf weights, StoredRows rounded) : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            float* direction = directions[row], weight = weights[row];
            ushort* narrow = (ushort*)rounded[row];
            for (nint i = start; i < end; i++)
            {
                weight[i] -= decay * weight[i] + rate * direction[i];
                if (narrow != null) SimdScalar.StoreBFloat16(weight[i], narrow + i);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            float* direction = directions[row], weight = weights[row];
            ushort* narrow = (ushort*)rounded[row];
            nint i = start;
            for (; i <= end - TSimd.Lanes; i += TSimd.Lanes) Update<TSimd, TVector>(direction, rate, decay, weight, narrow, i);
            for (; i < end; i++) Update<SimdScalar, float>(direction, rate, decay, weight, narrow, i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Update<TSimd, TVector>(float* direction, float rate, float decay, float* weight, ushort* narrow, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector w = TSimd.Load(weight + i);
            TVector change = TSimd.MultiplyAdd(
                TSimd.Broadcast(rate), TSimd.Load(direction + i), TSimd.Multiply(TSimd.Broadcast(decay), w));
            w = TSimd.Subtract(w, change);
            TSimd.Store(w, weight + i);
            if (narrow != null) TSimd.StoreBFloat16(w, narrow + i);
        }
    }
}
