using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>The numbers of one AdamW step, in the symbols of Loshchilov and Hutter 2019 (arXiv 1711.05101), algorithm 2.</summary>
/// <param name="LearningRate">η α.</param>
/// <param name="Beta1">Decay of the first moments.</param>
/// <param name="Beta2">Decay of the second moments.</param>
/// <param name="Epsilon">Added to the root of the corrected second moment.</param>
/// <param name="WeightDecay">λ; each step takes LearningRate * WeightDecay of the weight away.</param>
/// <param name="Step">t, the number of this step, from 1.</param>
/// <param name="GradientScale">Factor of the gradients: clipping, and the inverse of a loss scale.</param>
public readonly record struct AdamWStep(
    double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay, long Step, double GradientScale = 1);

/// <summary>
/// One step of AdamW in one pass over the memory: reads gradients, moments and weights, writes moments, weights and, in mixed precision,
/// the weights rounded to BF16. Elements do not see each other, so results depend on neither workers nor shape.
/// </summary>
public static unsafe class AdamWUpdate
{
    /// <summary>
    /// m = β1 m + (1 - β1) g, v = β2 v + (1 - β2) g², w -= η (λ w + m̂ / (√v̂ + ε)) with m̂ = m / (1 - β1^t), v̂ = v / (1 - β2^t).
    /// Moments held in BF16 (DeepSeek-V3, arXiv 2412.19437, section 3.3.3) are used as computed, then rounded to nearest even.
    /// </summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="step">The numbers of this step.</param>
    /// <param name="gradient">T x D, F32; null stands for zeros.</param>
    /// <param name="weights">T x D, F32, updated.</param>
    /// <param name="firstMoments">T x D, F32 or BF16, updated.</param>
    /// <param name="secondMoments">T x D, of the same type, updated.</param>
    /// <param name="rounded">T x D, BF16, receives the new weights; null if not wanted.</param>
    /// <param name="clearGradient">Whether the gradient becomes zero, which saves a pass of its own.</param>
    /// <exception cref="ArgumentException">A view has another type or shape.</exception>
    public static void Run(
        WorkerPool pool,
        in AdamWStep step,
        Matrix? gradient,
        Matrix weights,
        Matrix firstMoments,
        Matrix secondMoments,
        Matrix? rounded = null,
        bool clearGradient = false)
    {
        int rows = weights.Rows, columns = weights.Columns;
        bool narrow = firstMoments.ElementType == ElementType.BF16;
        Shapes.Require(gradient, rows, columns);
        Shapes.Require(weights, rows, columns);
        StoredRows.Require(firstMoments, rows, columns, f32: true, bfloat16: true);
        StoredRows.Require(secondMoments, rows, columns, f32: !narrow, bfloat16: narrow);
        StoredRows.Require(rounded, rows, columns, f32: false, bfloat16: true);
        Operands operands = new(gradient, weights, firstMoments, secondMoments, rounded, clearGradient);
        TileGrid grid = TileGrid.Elements(rows, columns);
        if (narrow) TileKernels.Run(pool, grid, new Tile<BFloat16Lanes>(new Factors(step), operands));
        else TileKernels.Run(pool, grid, new Tile<F32Lanes>(new Factors(step), operands));
        GC.KeepAlive(gradient?.Buffer);
        GC.KeepAlive(weights.Buffer);
        GC.KeepAlive(firstMoments.Buffer);
        GC.KeepAlive(secondMoments.Buffer);
        GC.KeepAlive(rounded?.Buffer);
    }

    private readonly struct Operands(
        RowsOf gradient, RowsOf weights, StoredRows firstMoments, StoredRows secondMoments, StoredRows rounded, bool clearGradient)
    {
        public readonly RowsOf Gradient = gradient, Weights = weights;
        public readonly StoredRows FirstMoments = firstMoments, SecondMoments = secondMoments, Rounded = rounded;
        public readonly bool ClearGradient = clearGradient;
    }

    /// <summary>What the elements have in common, computed in double and rounded once.</summary>
    private readonly struct Factors(in AdamWStep step)
    {
        public readonly float Scale = (float)step.GradientScale;
        public readonly float Beta1 = (float)step.Beta1;
        public readonly float Beta2 = (float)step.Beta2;
        public readonly float Fresh1 = (float)(1 - step.Beta1);
        public readonly float Fresh2 = (float)(1 - step.Beta2);
        public readonly float Epsilon = (float)step.Epsilon;

        // 1 / √(1 - β2^t) and η / (1 - β1^t).
        public readonly float RootCorrection = (float)(1 / Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step)));
        public readonly float StepSize = (float)(step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step)));

        // Not 1 - ηλ: near 1 binary32 has steps of 6e-8, too coarse for ηλ = 1e-6. What is subtracted keeps its own 24 bits.
        public readonly float Decay = (float)(step.LearningRate * step.WeightDecay);
    }

    private readonly struct Tile<TStored>(Factors factors, Operands operands) : ITileKernel where TStored : struct, IStoredLanes
    {
        public void Reference(int row, int start, int end)
        {
            float* gradient = operands.Gradient[row], weights = operands.Weights[row];
            void* first = operands.FirstMoments[row], second = operands.SecondMoments[row];
            ushort* rounded = (ushort*)operands.Rounded[row];
            for (nint i = start; i < end; i++)
            {
                float g = gradient == null ? 0 : gradient[i] * factors.Scale;
                float m = factors.Beta1 * TStored.Load<SimdScalar, float>(first, i) + factors.Fresh1 * g;
                float v = factors.Beta2 * TStored.Load<SimdScalar, float>(second, i) + factors.Fresh2 * g * g;
                TStored.Store<SimdScalar, float>(m, first, i);
                TStored.Store<SimdScalar, float>(v, second, i);
                float direction = m / (MathF.Sqrt(v) * factors.RootCorrection + factors.Epsilon);
                weights[i] -= factors.Decay * weights[i] + factors.StepSize * direction;
                if (rounded != null) SimdScalar.StoreBFloat16(weights[i], rounded + i);
                if (gradient != null && operands.ClearGradient) gradient[i] = 0;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            float* gradient = operands.Gradient[row], weights = operands.Weights[row];
            void* first = operands.FirstMoments[row], second = operands.SecondMoments[row];
            ushort* rounded = (ushort*)operands.Rounded[row];
            bool clear = gradient != null && operands.ClearGradient;
            Factors f = factors;
            nint i = start;
            for (; i <= end - TSimd.Lanes; i += TSimd.Lanes)
            {
                Update<TSimd, TVector>(f, gradient, weights, first, second, rounded, clear, i);
            }

            for (; i < end; i++) Update<SimdScalar, float>(f, gradient, weights, first, second, rounded, clear, i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Update<TSimd, TVector>(
            in Factors f, float* gradient, float* weights, void* first, void* second, ushort* rounded, bool clear, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector g = gradient == null ? TSimd.Zero : TSimd.Multiply(TSimd.Load(gradient + i), TSimd.Broadcast(f.Scale));
            TVector m = TSimd.MultiplyAdd(
                TSimd.Broadcast(f.Beta1), TStored.Load<TSimd, TVector>(first, i), TSimd.Multiply(TSimd.Broadcast(f.Fresh1), g));
            TVector v = TSimd.MultiplyAdd(
                TSimd.Broadcast(f.Beta2), TStored.Load<TSimd, TVector>(second, i), TSimd.Multiply(TSimd.Multiply(TSimd.Broadcast(f.Fresh2), g), g));
            TStored.Store<TSimd, TVector>(m, first, i);
            TStored.Store<TSimd, TVector>(v, second, i);
            TVector w = TSimd.Load(weights + i);
            TVector root = TSimd.MultiplyAdd(SquareRoot.Of(v), TSimd.Broadcast(f.RootCorrection), TSimd.Broadcast(f.Epsilon));
            TVector change = TSimd.MultiplyAdd(
                TSimd.Broadcast(f.StepSize), TSimd.Divide(m, root), TSimd.Multiply(TSimd.Broadcast(f.Decay), w));
            w = TSimd.Subtract(w, change);
            TSimd.Store(w, weights + i);
            if (rounded != null) TSimd.StoreBFloat16(w, rounded + i);
            if (clear) TSimd.Store(TSimd.Zero, gradient + i);
        }
    }
}
