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
    /// <summary>Rotates, in place, the lanes [offset, offset + dim) of each head by the angles of its token's position.</summary>
    /// <param name="pool">Computes blocks of rows.</param>
    /// <param name="x">T x heads*headDim.</param>
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
        WorkerPool pool, Matrix x, int heads, int headDim, int offset, int dim, ReadOnlySpan<int> positions, Matrix cos, Matrix sin,
        RotaryLayout layout, bool inverse = false)
    {
        if (heads < 0 || headDim < 0 || offset < 0 || dim < 0 || (dim & 1) != 0 || (long)offset + dim > headDim ||
            (long)heads * headDim != x.Columns)
        {
            throw new ArgumentException(
                $"lanes {offset} to {(long)offset + dim} of {heads} heads of {headDim} lanes don't fit rows of {x.Columns}");
        }

        Shapes.Require(x, x.Rows, x.Columns);
        Shapes.Require(cos, cos.Rows, dim / 2);
        Shapes.Require(sin, cos.Rows, dim / 2);
        Shapes.RequireLength(positions.Length, x.Rows, nameof(positions));
        Shapes.RequireIndices(positions, cos.Rows, nameof(positions));
        fixed (int* at = positions)
        {
            RotateRow kernel = new(x, heads, headDim, offset, dim / 2, at, cos, sin, layout == RotaryLayout.Interleaved, inverse);
            TileKernels.Run(pool, TileGrid.WholeRows(x.Rows, x.Columns), kernel);
        }

        GC.KeepAlive(x.Buffer);
        GC.KeepAlive(cos.Buffer);
        GC.KeepAlive(sin.Buffer);
    }

    private readonly struct RotateRow(
        RowsOf x, int heads, int headDim, int offset, int pairs, int* positions, RowsOf cos, RowsOf sin, bool interleaved, bool inverse)
        : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            float* c = cos[positions[row]], s = sin[positions[row]];
            for (int head = 0; head < heads; head++)
            {
                float* lanes = x[row] + (long)head * headDim + offset;
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
            where TVector : struct
        {
            float* c = cos[positions[row]], s = sin[positions[row]];
            for (int head = 0; head < heads; head++)
            {
                float* lanes = x[row] + (long)head * headDim + offset;
                int i = 0;
                if (interleaved)
                {
                    for (; i <= pairs - TSimd.Lanes; i += TSimd.Lanes) RotateInterleaved<TSimd, TVector>(lanes, c, s, i);
                    for (; i < pairs; i++) RotateInterleaved<SimdScalar, float>(lanes, c, s, i);
                }
                else
                {
                    for (; i <= pairs - TSimd.Lanes; i += TSimd.Lanes) RotateHalves<TSimd, TVector>(lanes, c, s, i);
                    for (; i < pairs; i++) RotateHalves<SimdScalar, float>(lanes, c, s, i);
                }
            }
        }

        private void RotateHalves<TSimd, TVector>(float* lanes, float* c, float* s, int i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            (TVector a, TVector b) = Rotate<TSimd, TVector>(TSimd.Load(lanes + i), TSimd.Load(lanes + pairs + i), c + i, s + i);
            TSimd.Store(a, lanes + i);
            TSimd.Store(b, lanes + pairs + i);
        }

        private void RotateInterleaved<TSimd, TVector>(float* lanes, float* c, float* s, int i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            float* at = lanes + 2 * i;
            (TVector a, TVector b) = TSimd.Deinterleave(TSimd.Load(at), TSimd.Load(at + TSimd.Lanes));
            (a, b) = Rotate<TSimd, TVector>(a, b, c + i, s + i);
            (a, b) = TSimd.Interleave(a, b);
            TSimd.Store(a, at);
            TSimd.Store(b, at + TSimd.Lanes);
        }

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
