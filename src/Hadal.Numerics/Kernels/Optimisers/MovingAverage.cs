using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>Exponential moving averages, in one pass.</summary>
public static unsafe class MovingAverage
{
    /// <summary>average += share * (x - average).</summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="x">T x D, F32 or BF16.</param>
    /// <param name="share">1 minus the decay.</param>
    /// <param name="average">T x D, F32, updated.</param>
    /// <exception cref="ArgumentException">A view has another type or shape.</exception>
    public static void Update(WorkerPool pool, Matrix x, double share, Matrix average)
    {
        Shapes.Require(average, average.Rows, average.Columns);
        StoredRows.Require(x, average.Rows, average.Columns, f32: true, bfloat16: true);
        TileGrid grid = TileGrid.Elements(average.Rows, average.Columns);
        if (x.ElementType == ElementType.BF16) TileKernels.Run(pool, grid, new Tile<BFloat16Lanes>(x, (float)share, average));
        else TileKernels.Run(pool, grid, new Tile<F32Lanes>(x, (float)share, average));
        GC.KeepAlive(x.Buffer);
        GC.KeepAlive(average.Buffer);
    }

    private readonly struct Tile<TStored>(StoredRows x, float share, RowsOf average) : ITileKernel where TStored : struct, IStoredLanes
    {
        public void Reference(int row, int start, int end)
        {
            void* source = x[row];
            float* mean = average[row];
            for (nint i = start; i < end; i++) mean[i] += share * (TStored.Load<SimdScalar, float>(source, i) - mean[i]);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            void* source = x[row];
            float* mean = average[row];
            nint i = start;
            for (; i <= end - TSimd.Lanes; i += TSimd.Lanes) Step<TSimd, TVector>(source, share, mean, i);
            for (; i < end; i++) Step<SimdScalar, float>(source, share, mean, i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Step<TSimd, TVector>(void* source, float share, float* mean, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector old = TSimd.Load(mean + i);
            TVector difference = TSimd.Subtract(TStored.Load<TSimd, TVector>(source, i), old);
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Broadcast(share), difference, old), mean + i);
        }
    }
}
