using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>
/// A dense array in native memory. A tensor made by a <see cref="Graph"/> lives until the graph releases it; one made by
/// <c>Create</c> (a parameter) owns its memory and its gradient.
/// </summary>
public sealed class Tensor : IDisposable
{
    private NativeBuffer? _buffer;

    internal Tensor(Shape shape, ElementType type, NativeBuffer buffer, bool requiresGradient, Graph? graph = null)
    {
        Graph = graph;
        Shape = shape;
        ElementType = type;
        _buffer = buffer;
        RequiresGradient = requiresGradient;
    }

    /// <summary>Lengths of the dimensions.</summary>
    public Shape Shape { get; }

    /// <summary>Type of each element.</summary>
    public ElementType ElementType { get; }

    /// <summary>Whether backward computes a gradient for this tensor. Switch it off to freeze a parameter.</summary>
    public bool RequiresGradient { get; set; }

    /// <summary>The sum of the gradients that reached this tensor, F32 of the same shape; null before any did.</summary>
    public Tensor? Gradient { get; internal set; }

    /// <summary>The graph that lent the memory; null if the tensor owns it.</summary>
    internal Graph? Graph { get; }

    /// <summary>The operation that can compute the content again; null if none can, or the graph keeps everything.</summary>
    internal RecomputableOperation? Source { get; set; }

    /// <summary>The memory, for views. What was dropped is computed again.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was released.</exception>
    public NativeBuffer Buffer
    {
        get
        {
            if (_buffer is null && Source is not null) Source.Restore(Graph!);
            ObjectDisposedException.ThrowIf(_buffer is null, this);
            return _buffer;
        }
    }

    /// <summary>Makes a tensor of zeros that owns its memory.</summary>
    /// <exception cref="ArgumentException">
    /// The type is one in blocks, and the innermost dimension is no whole number of them, or the matrices of a stack no whole number of panels.
    /// </exception>
    public static Tensor Create(Shape shape, ElementType type = ElementType.F32, bool requiresGradient = false) =>
        new(shape, type, new NativeBuffer(ByteLength(shape, type)), requiresGradient);

    /// <summary>Makes an F32 tensor that owns a copy of <paramref name="values"/>.</summary>
    /// <exception cref="ArgumentException">The number of values is not the shape's.</exception>
    public static Tensor Create(Shape shape, ReadOnlySpan<float> values, bool requiresGradient = false)
    {
        if (values.Length != shape.Count) throw new ArgumentException($"{values.Length} values for shape {shape}", nameof(values));
        Tensor tensor = Create(shape, ElementType.F32, requiresGradient);
        values.CopyTo(tensor.Span);
        return tensor;
    }

    /// <summary>All elements of an F32 tensor of fewer than 2^31 elements.</summary>
    public Span<float> Span => ElementType == ElementType.F32
        ? Buffer.AsSpan<float>(0, checked((int)Shape.Count))
        : throw new InvalidOperationException($"expected F32 elements, found {ElementType}");

    /// <summary>The value of an F32 tensor with one element.</summary>
    public float Item => Shape.Count == 1
        ? Span[0]
        : throw new InvalidOperationException($"expected one element, found shape {Shape}");

    /// <summary>The tensor as rows of its innermost dimension.</summary>
    public Matrix AsMatrix() => new(Buffer, ElementType, 0, Shape.Rows, Shape.Last);

    /// <summary>The same elements in order, cut into rows of another length.</summary>
    /// <exception cref="ArgumentException">The number of elements differs, or they lie in panels of other rows.</exception>
    public Matrix AsMatrix(int rows, int columns) => (long)rows * columns == Shape.Count && (!ElementType.IsBlocked() || columns == Shape.Last)
        ? new Matrix(Buffer, ElementType, 0, rows, columns)
        : throw new ArgumentException($"shape {Shape} cannot be seen as {rows}x{columns}");

    /// <summary>Sets the gradient to zero, keeping its memory.</summary>
    public void ZeroGradient()
    {
        if (Gradient is { } gradient) Elementwise.Fill(gradient.AsMatrix(), 0);
    }

    /// <summary>Frees the memory and the gradient; memory of a graph goes back to it.</summary>
    public void Dispose()
    {
        Gradient?.Dispose();
        Gradient = null;
        Source = null;
        Drop();
    }

    /// <summary>Gives the memory up; a tensor with a <see cref="Source"/> comes back when it is read.</summary>
    internal void Drop()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            if (Graph is null) buffer.Dispose();
            else Graph.TakeBack(buffer);
        }
    }

    /// <summary>Takes memory again after <see cref="Drop"/>, with undefined content.</summary>
    internal void Reclaim() => _buffer ??= Graph!.Lend(ByteLength(Shape, ElementType));

    /// <summary>Bytes that the elements take.</summary>
    internal static long ByteLength(Shape shape, ElementType type)
    {
        // Each matrix of a stack must begin at a panel.
        if (type.IsBlocked() && shape.Rank > 2 && shape[shape.Rank - 2] % WeightPanels.Rows != 0)
        {
            throw new ArgumentException($"{shape} has matrices of {shape[shape.Rank - 2]} rows, expected a multiple of {WeightPanels.Rows} for {type}", nameof(shape));
        }

        return type.IsBlocked() ? type.ByteLength(shape.Rows, shape.Last) : checked(shape.Count * type.SizeInBytes());
    }
}
