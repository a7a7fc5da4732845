namespace Hadal.Numerics;

/// <summary>
/// Weights in blocks as products want them: panels of 16 rows (outputs), whose elements are interleaved. The panels hold what files hold,
/// bit for bit, in another order. Rows go in and come out whole, as a file's blocks or as F32. Calls for different rows may run at the
/// same time.
/// </summary>
public static class WeightPanels
{
    /// <summary>Rows of a panel: views of such weights begin at a multiple of it.</summary>
    public const int Rows = PanelLayout.Rows;

    /// <summary>Bytes of memory for a weight of <paramref name="rows"/> x <paramref name="columns"/>.</summary>
    /// <exception cref="ArgumentException">The type's elements don't come in blocks, or the columns are no whole number of blocks.</exception>
    /// <exception cref="OverflowException">The size does not fit 64 bits.</exception>
    public static long ByteLength(ElementType type, long rows, long columns)
    {
        PanelLayout layout = PanelLayout.Of(type);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        if (columns < 0 || columns % layout.BlockElements != 0)
        {
            throw new ArgumentException($"rows of {columns} are no whole number of blocks of {layout.BlockElements} of {type}", nameof(columns));
        }

        return checked((rows + Rows - 1) / Rows * layout.PanelBytes(columns));
    }

    /// <summary>Writes rows from a file's blocks.</summary>
    /// <param name="destination">A weight in blocks.</param>
    /// <param name="firstRow">The first row written.</param>
    /// <param name="blocks">The blocks of one or more whole rows.</param>
    /// <exception cref="ArgumentException">The weight has no blocks, or the bytes are no whole number of its rows.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The rows leave the weight.</exception>
    public static void Pack(Matrix destination, int firstRow, ReadOnlySpan<byte> blocks)
    {
        Packing packing = new(destination, firstRow, RowsOf(destination, firstRow, blocks.Length, inFile: true), blocks);
        BlockFormats.Apply(destination.ElementType, ref packing);
        GC.KeepAlive(destination.Buffer);
    }

    /// <summary>Reads rows as a file's blocks.</summary>
    /// <param name="source">A weight in blocks.</param>
    /// <param name="firstRow">The first row read.</param>
    /// <param name="blocks">Takes the blocks of one or more whole rows.</param>
    /// <inheritdoc cref="Pack"/>
    public static void Unpack(Matrix source, int firstRow, Span<byte> blocks)
    {
        Unpacking unpacking = new(source, firstRow, RowsOf(source, firstRow, blocks.Length, inFile: true), blocks);
        BlockFormats.Apply(source.ElementType, ref unpacking);
        GC.KeepAlive(source.Buffer);
    }

    /// <summary>Writes rows from F32, as <see cref="BlockQuantisation.Quantise"/> does.</summary>
    /// <param name="destination">A weight in blocks.</param>
    /// <param name="firstRow">The first row written.</param>
    /// <param name="values">The values of one or more whole rows.</param>
    /// <exception cref="ArgumentException">
    /// The weight has no blocks, the values are no whole number of its rows, or one is not finite; nothing was written.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The rows leave the weight.</exception>
    public static void Quantise(Matrix destination, int firstRow, ReadOnlySpan<float> values)
    {
        int rows = RowsOf(destination, firstRow, values.Length, inFile: false);
        BlockQuantisation.RequireFinite(destination.ElementType, values);
        Quantising quantising = new(destination, firstRow, rows, values);
        BlockFormats.Apply(destination.ElementType, ref quantising);
        GC.KeepAlive(destination.Buffer);
    }

    /// <summary>Reads rows as F32.</summary>
    /// <param name="source">A weight in blocks.</param>
    /// <param name="firstRow">The first row read.</param>
    /// <param name="values">Takes the values of one or more whole rows.</param>
    /// <inheritdoc cref="Pack"/>
    public static void Dequantise(Matrix source, int firstRow, Span<float> values)
    {
        Dequantising dequantising = new(source, firstRow, RowsOf(source, firstRow, values.Length, inFile: false), values);
        BlockFormats.Apply(source.ElementType, ref dequantising);
        GC.KeepAlive(source.Buffer);
    }

    private static int RowsOf(Matrix matrix, int firstRow, int length, bool inFile)
    {
        long rowLength = inFile ? BlockQuantisation.ByteLength(matrix.ElementType, matrix.Columns) : matrix.Columns;
        long rows = rowLength == 0 ? 0 : length / rowLength;
        if (rows * rowLength != length)
        {
            throw new ArgumentException(
                $"{length} {(inFile ? "bytes" : "values")} are no whole number of rows of {matrix.Columns} {matrix.ElementType}", nameof(length));
        }

        if (firstRow < 0 || firstRow > matrix.Rows - rows)
        {
            throw new ArgumentOutOfRangeException(nameof(firstRow), firstRow, $"{rows} rows from there leave a weight of {matrix.Rows}");
        }

        return (int)rows;
    }

    private readonly ref struct Packing(Matrix matrix, int first, int rows, ReadOnlySpan<byte> blocks) : IBlockAction
    {
        private readonly ReadOnlySpan<byte> _blocks = blocks;

        public void Run<TFormat>() where TFormat : struct, IBlockFormat
        {
            Span<byte> head = stackalloc byte[TFormat.HeadBytes], elements = stackalloc byte[TFormat.Elements];
            int blocks = matrix.Columns / TFormat.Elements;
            for (int r = 0; r < rows; r++)
            {
                PanelRow<TFormat> row = new(matrix, first + r);
                for (int b = 0; b < blocks; b++)
                {
                    TFormat.Read(_blocks.Slice((r * blocks + b) * TFormat.Bytes, TFormat.Bytes), head, elements);
                    row.Put(b, head, elements);
                }
            }
        }
    }

    private readonly ref struct Unpacking(Matrix matrix, int first, int rows, Span<byte> blocks) : IBlockAction
    {
        private readonly Span<byte> _blocks = blocks;

        public void Run<TFormat>() where TFormat : struct, IBlockFormat
        {
            Span<byte> head = stackalloc byte[TFormat.HeadBytes], elements = stackalloc byte[TFormat.Elements];
            int blocks = matrix.Columns / TFormat.Elements;
            for (int r = 0; r < rows; r++)
            {
                PanelRow<TFormat> row = new(matrix, first + r);
                for (int b = 0; b < blocks; b++)
                {
                    row.Take(b, head, elements);
                    TFormat.Write(head, elements, _blocks.Slice((r * blocks + b) * TFormat.Bytes, TFormat.Bytes));
                }
            }
        }
    }

    private readonly ref struct Quantising(Matrix matrix, int first, int rows, ReadOnlySpan<float> values) : IBlockAction
    {
        private readonly ReadOnlySpan<float> _values = values;

        public void Run<TFormat>() where TFormat : struct, IBlockFormat
        {
            Span<byte> head = stackalloc byte[TFormat.HeadBytes], elements = stackalloc byte[TFormat.Elements];
            int blocks = matrix.Columns / TFormat.Elements;
            for (int r = 0; r < rows; r++)
            {
                PanelRow<TFormat> row = new(matrix, first + r);
                for (int b = 0; b < blocks; b++)
                {
                    TFormat.Quantise(_values.Slice((r * blocks + b) * TFormat.Elements, TFormat.Elements), head, elements);
                    row.Put(b, head, elements);
                }
            }
        }
    }

    private readonly ref struct Dequantising(Matrix matrix, int first, int rows, Span<float> values) : IBlockAction
    {
        private readonly Span<float> _values = values;

        public void Run<TFormat>() where TFormat : struct, IBlockFormat
        {
            Span<byte> head = stackalloc byte[TFormat.HeadBytes], elements = stackalloc byte[TFormat.Elements];
            int blocks = matrix.Columns / TFormat.Elements;
            for (int r = 0; r < rows; r++)
            {
                PanelRow<TFormat> row = new(matrix, first + r);
                for (int b = 0; b < blocks; b++)
                {
                    row.Take(b, head, elements);
                    TFormat.Dequantise(head, elements, _values.Slice((r * blocks + b) * TFormat.Elements, TFormat.Elements));
                }
            }
        }
    }
}
