using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>Which lanes of a head form the pairs that rotary embedding turns.</summary>
public enum RotaryLayout
{
    /// <summary>Lanes i and i + dim/2: Llama, Qwen.</summary>
    HalfSplit,

    /// <summary>Lanes 2i and 2i + 1: DeepSeek.</summary>
    Interleaved,
}

/// <summary>
/// Rotary position embedding, Su et al. 2021 (arXiv 2104.09864), eq. 34: the pair (a, b) becomes (a cos - b sin, b cos + a sin). The
/// tables hold the cosines and sines of the angles, times an amplitude where the scaling has one (YaRN).
/// </summary>
public static unsafe class Rotary
{
    /// <summary>y = x with the lanes [offset, offset + dim) of each head rotated by the angles of its token's position.</summary>
    /// <param name="pool">Computes blocks of rows.</param>
    /// <param name="x">T x heads*headDim.</param>
    /// <param name="y">T x heads*headDim: x itself, or memory apart from it.</param>
    /// <param name="heads">Number of heads side by side in a row.</param>
    /// <param name="headDim">Lanes of a head.</param>
    /// <param name="offset">First lane of a head that is rotated.</param>
    /// <param name="dim">Number of lanes rotated, even.</param>
    /// <param name="positions">T indices of rows of the tables.</param>
    /// <param name="cos">P x dim/2.</param>
    /// <param name="sin">P x dim/2.</param>
    /// <param name="layout">Which lanes form a pair.</param>
    /// <param name="inverse">
    /// Multiplies by the transpose of the forward map instead: the opposite angle, the same amplitude. That is the backward pass.
    /// </param>
    /// <exception cref="ArgumentException">A view is not F32, or the shapes and lanes don't fit each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A position is outside the tables.</exception>
    public static void Apply(
        WorkerPool pool, Matrix x, Matrix y, int heads, int headDim, int offset, int dim, ReadOnlySpan<int> positions, Matrix cos, Matrix sin,
        RotaryLayout layout, bool inverse = false)
    {
        if (heads < 0 || headDim < 0 || offset < 0 || dim < 0 || (dim & 1) != 0 || (long)offset + dim > headDim ||
            (long)heads * headDim != x.Columns)
        {
            throw new ArgumentException(
                $"lanes {offset} to {(long)offset + dim} of {heads} heads of {headDim} lanes don't fit rows of {x.Columns}");
        }

        Shapes.Require(x, x.Rows, x.Columns);
        Shapes.Require(y, x.Rows, x.Columns);
        Shapes.Require(cos, cos.Rows, dim / 2);
        Shapes.Require(sin, cos.Rows, dim / 2);
        Shapes.RequireLength(positions.Length, x.Rows, nameof(positions));
        Shapes.RequireIndices(positions, cos.Rows, nameof(positions));
        fixed (int* at = positions)
        {
            RotateRow kernel = new(x, y, heads, headDim, offset, dim / 2, at, cos, sin, layout == RotaryLayout.Interleaved, inverse);
            TileKernels.Run(pool, TileGrid.WholeRows(x.Rows, x.Columns), kernel);
        }

        GC.KeepAlive(x.Buffer);
        GC.KeepAlive(y.Buffer);
        GC.KeepAlive(cos.Buffer);
        GC.KeepAlive(sin.Buffer);
    }

    private readonly struct RotateRow(
        RowsOf x, RowsOf y, int heads, int headDim, int offset, int pairs, int* positions, RowsOf cos, RowsOf sin, bool interleaved, bool inverse)
        : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            float* c = cos[positions[row]], s = sin[positions[row]];
            if (x[row] != y[row]) new ReadOnlySpan<float>(x[row], heads * headDim).CopyTo(new Span<float>(y[row], heads * headDim));
            for (int head = 0; head < heads; head++)
            {
                float* lanes = y[row] + (long)head * headDim + offset;
                for (int i = 0; i < pairs; i++)
                {
                    float* a = interleaved ? lanes + 2 * i : lanes + i;
                    float* b = interleaved ? a + 1 : a + pairs;
                    float sine = inverse ? -s[i] : s[i];
                    (*a, *b) = (*a * c[i] - *b * sine, *b * c[i] + *a * sine);
                }
            }
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct => Row<TSimd, TVector>(row);

        private void Row<TSimd, TVector>(int row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            float* from = x[row], to = y[row], c = cos[positions[row]], s = sin[positions[row]];
            int rest = headDim - offset - 2 * pairs;
            for (int head = 0; head < heads; head++, from += headDim, to += headDim)
            {
                if (from != to)
                {
                    new ReadOnlySpan<float>(from, offset).CopyTo(new Span<float>(to, offset));
                    new ReadOnlySpan<float>(from + headDim - rest, rest).CopyTo(new Span<float>(to + headDim - rest, rest));
                }

                // Few pairs are many heads' case: what a register is too wide for, narrower ones take.
                int i = Range<TSimd, TVector>(0, from + offset, to + offset, c, s);
                if (TSimd.Lanes > 8) i = Range<Simd256, Vector256<float>>(i, from + offset, to + offset, c, s);
                if (TSimd.Lanes > 4) i = Range<Simd128, Vector128<float>>(i, from + offset, to + offset, c, s);
                if (TSimd.Lanes > 1) Range<SimdScalar, float>(i, from + offset, to + offset, c, s);
            }
        }

        // Whole registers from pair i on; returns the first pair that is left.
        private int Range<TSimd, TVector>(int i, float* from, float* to, float* c, float* s)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            for (; i <= pairs - TSimd.Lanes; i += TSimd.Lanes)
            {
                if (interleaved) RotateInterleaved<TSimd, TVector>(from + 2 * i, to + 2 * i, c + i, s + i);
                else RotateHalves<TSimd, TVector>(from + i, to + i, c + i, s + i);
            }

            return i;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void RotateHalves<TSimd, TVector>(float* from, float* to, float* c, float* s)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            (TVector a, TVector b) = Rotate<TSimd, TVector>(TSimd.Load(from), TSimd.Load(from + pairs), c, s);
            TSimd.Store(a, to);
            TSimd.Store(b, to + pairs);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void RotateInterleaved<TSimd, TVector>(float* from, float* to, float* c, float* s)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            (TVector a, TVector b) = TSimd.Deinterleave(TSimd.Load(from), TSimd.Load(from + TSimd.Lanes));
            (a, b) = Rotate<TSimd, TVector>(a, b, c, s);
            (a, b) = TSimd.Interleave(a, b);
            TSimd.Store(a, to);
            TSimd.Store(b, to + TSimd.Lanes);
        }

        // Two multiply-adds of the same order at every width.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private (TVector A, TVector B) Rotate<TSimd, TVector>(TVector a, TVector b, float* c, float* s)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector cosine = TSimd.Load(c);
            TVector sine = TSimd.Load(s);
            TVector minusSine = TSimd.Subtract(TSimd.Zero, sine);
            if (inverse) (sine, minusSine) = (minusSine, sine);
            return (TSimd.MultiplyAdd(b, minusSine, TSimd.Multiply(a, cosine)), TSimd.MultiplyAdd(a, sine, TSimd.Multiply(b, cosine)));
        }
    }
}
