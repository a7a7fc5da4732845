namespace Hadal.Numerics;

public static unsafe partial class Elementwise
{
    /// <summary>
    /// destination = source. F32 becomes BF16 by rounding to nearest, ties to even (overflow gives infinity, NaN stays NaN); BF16 becomes
    /// F32 exactly; equal types are copied bit by bit. Types in blocks are read as <see cref="BlockQuantisation.Dequantise"/> reads them, and
    /// written row by row as <see cref="BlockQuantisation.Quantise"/> writes.
    /// </summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="source">T x D: F32, BF16 or a type in blocks.</param>
    /// <param name="destination">T x D: F32, BF16 or a type in blocks; must not overlap the source.</param>
    /// <exception cref="ArgumentException">
    /// The shapes differ, a type is none of those, or an element that is to go into a block is not finite.
    /// </exception>
    public static void Copy(WorkerPool pool, Matrix source, Matrix destination)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (source.Rows != destination.Rows || source.Columns != destination.Columns || !CanCopy(source.ElementType) || !CanCopy(destination.ElementType))
        {
            throw new ArgumentException(
                $"can't copy {source.Rows}x{source.Columns} {source.ElementType} to " +
                $"{destination.Rows}x{destination.Columns} {destination.ElementType}");
        }

        if (source.ElementType.IsBlocked() || destination.ElementType.IsBlocked())
        {
            CopyRow job = new(source, destination);
            pool.Run(ref job, source.Columns == 0 ? 0 : source.Rows);
            return;
        }

        CopyTile kernel = new(
            (byte*)source.Data, source.RowStride, source.ElementType.SizeInBytes(),
            (byte*)destination.Data, destination.RowStride, destination.ElementType.SizeInBytes());
        TileKernels.Run(pool, TileGrid.Elements(source.Rows, source.Columns), kernel);
        GC.KeepAlive(source.Buffer);
        GC.KeepAlive(destination.Buffer);
    }

    private static bool CanCopy(ElementType type) => type is ElementType.F32 or ElementType.BF16 || type.IsBlocked();

    // One row, at least one side of which is in blocks.
    private readonly struct CopyRow(Matrix source, Matrix destination) : IParallelJob
    {
        public void Execute(int row)
        {
            ElementType from = source.ElementType, to = destination.ElementType;
            if (from == to)
            {
                int bytes = checked((int)BlockQuantisation.ByteLength(from, source.Columns));
                Span<byte> blocks = new(PackingScratch.Local((bytes + sizeof(float) - 1) / sizeof(float)), bytes);
                WeightPanels.Unpack(source, row, blocks);
                WeightPanels.Pack(destination, row, blocks);
                return;
            }

            Span<float> values = new(PackingScratch.Local(source.Columns), source.Columns);
            if (from.IsBlocked()) WeightPanels.Dequantise(source, row, values);
            else ElementConversion.ToSingle(from, Bytes(source, row), values);
            if (to.IsBlocked()) WeightPanels.Quantise(destination, row, values);
            else ElementConversion.FromSingle(to, values, Bytes(destination, row));
        }

        private static Span<byte> Bytes(Matrix matrix, int row)
        {
            int size = matrix.ElementType.SizeInBytes();
            return new((byte*)matrix.Data + row * matrix.RowStride * size, checked(matrix.Columns * size));
        }
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
