namespace Hadal.Numerics;

/// <summary>
/// A bounds-checked view of rows in a <see cref="NativeBuffer"/>: what kernels take. Elements of a row are adjacent; rows lie
/// <see cref="RowStride"/> elements apart, so a block of columns (one head, one expert) is a view too and needs no copy.
/// Types in blocks lie in panels (<see cref="WeightPanels"/>): views of them are dense, begin at a multiple of 16 rows and have all columns.
/// </summary>
public readonly unsafe struct Matrix : IEquatable<Matrix>
{
    /// <summary>Describes <paramref name="rows"/> x <paramref name="columns"/> elements starting at element <paramref name="offset"/>.</summary>
    /// <exception cref="ArgumentException">The view would leave the buffer, or rows would overlap.</exception>
    public Matrix(NativeBuffer buffer, ElementType type, long offset, int rows, int columns, long rowStride)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        bool fits = type.IsBlocked()
            ? PanelsFit(buffer, type, offset, rows, columns, rowStride)
            : ElementsFit(buffer, type, offset, rows, columns, rowStride);
        if (!fits)
        {
            throw new ArgumentException(
                $"a view of {rows}x{columns} {type} at element {offset} with row stride {rowStride} does not fit a buffer of {buffer.ByteLength} bytes",
                nameof(buffer));
        }

        Buffer = buffer;
        ElementType = type;
        Offset = offset;
        Rows = rows;
        Columns = columns;
        RowStride = rowStride;
    }

    /// <summary>A dense view: the rows are adjacent.</summary>
    public Matrix(NativeBuffer buffer, ElementType type, long offset, int rows, int columns)
        : this(buffer, type, offset, rows, columns, columns)
    {
    }

    /// <summary>The memory viewed.</summary>
    public NativeBuffer Buffer { get; }

    /// <summary>Type of each element.</summary>
    public ElementType ElementType { get; }

    /// <summary>Index of the first element in the buffer, in elements.</summary>
    public long Offset { get; }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>Elements in a row.</summary>
    public int Columns { get; }

    /// <summary>Elements from the start of a row to the start of the next.</summary>
    public long RowStride { get; }

    /// <summary>Address of the first element, or of the first panel.</summary>
    internal void* Data => Buffer.Data + (ElementType.IsBlocked() ? PanelOffset(ElementType, Offset, Columns) : Offset * ElementType.SizeInBytes());

    /// <summary>Address of the first element of an F32 view.</summary>
    /// <exception cref="InvalidOperationException">The elements are not F32.</exception>
    internal float* F32 => ElementType == ElementType.F32
        ? (float*)Data
        : throw new InvalidOperationException($"expected a view of F32 elements, found {ElementType}");

    /// <summary>Row <paramref name="index"/> of an F32 view.</summary>
    public Span<float> Row(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Rows);
        return new Span<float>(F32 + index * RowStride, Columns);
    }

    /// <summary>The rows from <paramref name="start"/> on, <paramref name="count"/> of them.</summary>
    /// <exception cref="ArgumentException">The type is one in blocks, and the range does not begin at a multiple of 16.</exception>
    public Matrix RowRange(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + count, Rows);
        return new Matrix(Buffer, ElementType, Offset + start * RowStride, count, Columns, RowStride);
    }

    /// <summary>The columns from <paramref name="start"/> on, <paramref name="count"/> of them.</summary>
    /// <exception cref="ArgumentException">The type is one in blocks, which have no views of some columns.</exception>
    public Matrix ColumnRange(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + count, Columns);
        return new Matrix(Buffer, ElementType, Offset + start, Rows, count, RowStride);
    }

    /// <inheritdoc/>
    public bool Equals(Matrix other) =>
        ReferenceEquals(Buffer, other.Buffer) && ElementType == other.ElementType && Offset == other.Offset &&
        Rows == other.Rows && Columns == other.Columns && RowStride == other.RowStride;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Matrix other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Buffer, ElementType, Offset, Rows, Columns, RowStride);

    /// <summary>Whether both views are of the same elements.</summary>
    public static bool operator ==(Matrix left, Matrix right) => left.Equals(right);

    /// <summary>Whether the views differ.</summary>
    public static bool operator !=(Matrix left, Matrix right) => !left.Equals(right);

    private static bool ElementsFit(NativeBuffer buffer, ElementType type, long offset, int rows, int columns, long rowStride)
    {
        if (rows < 0 || columns < 0 || offset < 0 || (rows > 1 && rowStride < columns)) return false;
        return rows == 0 || columns == 0 || (offset + (rows - 1) * rowStride + columns) * type.SizeInBytes() <= buffer.ByteLength;
    }

    // A range that ends inside of a panel is allowed: a product computes the rows beyond it and drops them.
    private static bool PanelsFit(NativeBuffer buffer, ElementType type, long offset, int rows, int columns, long rowStride)
    {
        if (rows < 0 || columns < 0 || offset < 0 || rowStride != columns || columns % type.BlockElements() != 0) return false;
        if (columns == 0) return offset == 0;
        if (offset % ((long)columns * WeightPanels.Rows) != 0) return false;
        return PanelOffset(type, offset, columns) + WeightPanels.ByteLength(type, rows, columns) <= buffer.ByteLength;
    }

    private static long PanelOffset(ElementType type, long offset, int columns) =>
        columns == 0 ? 0 : WeightPanels.ByteLength(type, offset / columns, columns);
}
