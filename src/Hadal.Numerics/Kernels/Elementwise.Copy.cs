namespace Hadal.Numerics;

public static unsafe partial class Elementwise
{
    /// <summary>
    /// destination = source. F32 becomes BF16 by rounding to nearest, ties to even (overflow gives infinity, NaN stays NaN); BF16 becomes
    /// F32 exactly; equal types are copied bit by bit.
    /// </summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="source">T x D, F32 or BF16.</param>
    /// <param name="destination">T x D, F32 or BF16; must not overlap the source.</param>
    /// <exception cref="ArgumentException">The shapes differ, or a type is neither F32 nor BF16.</exception>
    public static void Copy(WorkerPool pool, Matrix source, Matrix destination)
    {
        if (source.Rows != destination.Rows || source.Columns != destination.Columns ||
            source.ElementType is not (ElementType.F32 or ElementType.BF16) ||
            destination.ElementType is not (ElementType.F32 or ElementType.BF16))
        {
            throw new ArgumentException(
                $"can't copy {source.Rows}x{source.Columns} {source.ElementType} to " +
                $"{destination.Rows}x{destination.Columns} {destination.ElementType}");
        }

        CopyTile kernel = new(
            (byte*)source.Data, source.RowStride, source.ElementType.SizeInBytes(),
            (byte*)destination.Data, destination.RowStride, destination.ElementType.SizeInBytes());
        TileKernels.Run(pool, TileGrid.Elements(source.Rows, source.Columns), kernel);
        GC.KeepAlive(source.Buffer);
        GC.KeepAlive(destination.Buffer);
    }

    private readonly struct CopyTile(
        byte* source, long sourceStride, int sourceSize, byte* destination, long destinationStride, int destinationSize) : ITileKernel
    {
        public void Reference(int row, int start, int end) => Vector<SimdScalar, float>(row, start, end);

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            byte* from = source + (row * sourceStride + start) * sourceSize;
            byte* to = destination + (row * destinationStride + start) * destinationSize;
            int count = end - start;
            if (sourceSize == destinationSize) Buffer.MemoryCopy(from, to, (long)count * sourceSize, (long)count * sourceSize);
            else if (sourceSize < destinationSize) BFloat16Rows.Widen<TSimd, TVector>((ushort*)from, (float*)to, count);
            else BFloat16Rows.Narrow<TSimd, TVector>((float*)from, (ushort*)to, count);
        }
    }
}
