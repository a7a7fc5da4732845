using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>
/// The tape. Operations are extension methods (<c>g.Linear(x, w)</c>) that allocate their outputs here and, while recording, leave an
/// <see cref="Operation"/> behind. The graph is passed as an argument and is never ambient; it serves one thread at a time.
/// </summary>
/// <remarks>
/// Memory: every tensor allocated between two <see cref="Record"/> calls belongs to the second operation, and goes back to the pool as
/// soon as that operation's backward has run: all its readers were recorded later, so they have run before. Without recording, memory
/// goes back at the end of the enclosing <see cref="GraphScope"/>, or at <see cref="Reset"/>.
/// </remarks>
public sealed class Graph : IDisposable
{
    private readonly BufferPool _pool = new();
    private readonly List<Tensor> _tensors = [];
    private readonly List<(Operation Operation, int FirstTensor)> _tape = [];
    private int _unclaimed;

    /// <summary>Makes an empty graph.</summary>
    /// <param name="workers">Threads that the kernels use; the caller keeps ownership.</param>
    /// <param name="recording">True to be able to call <see cref="Backward"/>; false for inference.</param>
    public Graph(WorkerPool workers, bool recording)
    {
        ArgumentNullException.ThrowIfNull(workers);
        Workers = workers;
        IsRecording = recording;
    }

    /// <summary>Threads that the kernels use.</summary>
    public WorkerPool Workers { get; }

    /// <summary>Whether operations leave a trace for backward.</summary>
    public bool IsRecording { get; }

    /// <summary>What the products of linear layers, experts and the head do to their factors, forward and backward.</summary>
    public ProductPrecision Precision { get; init; } = ProductPrecision.F32;

    /// <summary>
    /// Whether normed and activated rows and up-projected keys, values and queries are computed again in backward rather than kept:
    /// DeepSeek-V3 (2412.19437) section 3.2.3. Less memory, more time, the same bits.
    /// </summary>
    public bool Recomputes { get; init; }

    /// <summary>Bytes of the tensors that are alive on this graph.</summary>
    public long LiveBytes => _pool.RentedBytes;

    /// <summary>The most bytes that were alive at a time since the last <see cref="Reset"/>.</summary>
    public long PeakLiveBytes => _pool.PeakRentedBytes;

    /// <summary>Bytes that the graph keeps for its next step.</summary>
    public long PooledBytes => _pool.FreeBytes;

    /// <summary>Operations recorded and not yet passed by backward.</summary>
    public int RecordedOperations => _tape.Count;

    /// <summary>Makes a tensor with undefined content that the graph releases.</summary>
    /// <param name="shape">Its shape.</param>
    /// <param name="requiresGradient">Whether an input requires a gradient; ignored when not recording.</param>
    /// <param name="type">Its element type.</param>
    public Tensor Allocate(Shape shape, bool requiresGradient = false, ElementType type = ElementType.F32)
    {
        Tensor tensor = new(shape, type, _pool.Rent(Tensor.ByteLength(shape, type)), IsRecording && requiresGradient, this);
        _tensors.Add(tensor);
        return tensor;
    }

    /// <summary>Puts an operation on the tape. Call it once per operation, after its last <see cref="Allocate"/>.</summary>
    /// <exception cref="InvalidOperationException">The graph does not record.</exception>
    public void Record(Operation operation)
    {
        if (!IsRecording) throw new InvalidOperationException("this graph does not record");
        if (Recomputes && operation is RecomputableOperation recomputable) recomputable.Attach();
        _tape.Add((operation, _unclaimed));
        _unclaimed = _tensors.Count;
    }

    /// <summary>Whether an operation on these inputs must be recorded.</summary>
    public bool Records(Tensor a, Tensor? b = null, Tensor? c = null) =>
        IsRecording && (a.RequiresGradient || b is { RequiresGradient: true } || c is { RequiresGradient: true });

    /// <summary>The gradient to add to, zero at first, as rows of the innermost dimension; null if the tensor requires none.</summary>
    public Matrix? GradientOf(Tensor? tensor) => TargetOf(tensor)?.ToAddTo(Workers);

    /// <summary>
    /// The gradient to add to or, if none has reached the tensor yet, to write as a whole: its content is undefined then, and what would
    /// have been added to zeros is stored (-0 instead of +0 is all that differs). Null if the tensor requires none.
    /// </summary>
    public GradientTarget? TargetOf(Tensor? tensor)
    {
        if (tensor is not { RequiresGradient: true }) return null;
        bool isFirst = tensor.Gradient is null && tensor.Graph is not null;

        // A parameter owns its gradient, which outlives the step; a tensor of this graph borrows one, freed together with it.
        tensor.Gradient ??= tensor.Graph is null ? Tensor.Create(tensor.Shape) : Borrow(tensor.Shape, ElementType.F32);
        return new GradientTarget(tensor.Gradient.AsMatrix(), Accumulate: !isFirst);
    }

    /// <summary>
    /// Adds the gradient of an operation's output to that of an input of the same shape, or makes it the input's own if that is the first.
    /// It is the last thing that the operation's backward may do with it.
    /// </summary>
    public void PassOn(Tensor output, Tensor? input)
    {
        ArgumentNullException.ThrowIfNull(output);
        if (input is not { RequiresGradient: true } || output.Gradient is null) return;
        if (input.Gradient is null && input.Graph is not null && input.Shape == output.Shape)
        {
            (input.Gradient, output.Gradient) = (output.Gradient, null);
            return;
        }

        TargetOf(input)!.Value.Add(Workers, output.Gradient.AsMatrix());
    }

    /// <summary>The gradient that has reached an output; null if none did, so that there is nothing to pass back.</summary>
    public static Matrix? GradientReaching(Tensor output)
    {
        ArgumentNullException.ThrowIfNull(output);
        return output.Gradient?.AsMatrix();
    }

    /// <summary>A tensor with undefined content for the duration of one kernel sequence: dispose it to give the memory back.</summary>
    public Tensor Borrow(Shape shape, ElementType type = ElementType.F32) =>
        new(shape, type, _pool.Rent(Tensor.ByteLength(shape, type)), requiresGradient: false, graph: this);

    /// <summary>
    /// Computes the gradient of <paramref name="loss"/> with respect to every tensor that requires one, adding to what parameters have
    /// already. Activations are released on the way; the value of the loss stays readable until <see cref="Reset"/>.
    /// </summary>
    /// <exception cref="ArgumentException">The loss is not one element or depends on nothing that requires a gradient.</exception>
    /// <exception cref="InvalidOperationException">The operation that made the loss is not on the tape, or no longer.</exception>
    public void Backward(Tensor loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        if (loss.Shape.Count != 1 || !loss.RequiresGradient)
        {
            throw new ArgumentException($"backward starts from one element that requires a gradient, found shape {loss.Shape}", nameof(loss));
        }

        if (_tape.Count == 0 || _tensors.LastIndexOf(loss) < _tape[0].FirstTensor)
        {
            throw new InvalidOperationException("no operation on the tape made this loss: backward has passed it already, or the graph was reset");
        }

        Elementwise.Fill(GradientOf(loss)!.Value, 1);
        for (int i = _tape.Count - 1; i >= 0; i--)
        {
            (Operation operation, int firstTensor) = _tape[i];
            _tape.RemoveAt(i);
            operation.Backward(this);
            Release(firstTensor, keep: loss);
            _unclaimed = _tensors.Count;
        }
    }

    /// <summary>
    /// Opens a stretch at whose end all but one of the tensors allocated in it are released, or while recording, if the graph recomputes,
    /// those of them dropped that can be computed again.
    /// </summary>
    public GraphScope Scope() => new(this, _tensors.Count);

    /// <summary>Forgets the tape and takes all memory back into the pool. Tensors of this graph can't be read afterwards.</summary>
    public void Reset()
    {
        _tape.Clear();
        Release(0, keep: null);
        _unclaimed = 0;
        _pool.ResetPeak();
    }

    /// <summary>Frees the memory that waits for reuse, for instance after a step that was larger than those to come.</summary>
    public void Trim() => _pool.Dispose();

    /// <summary>Frees all memory of this graph.</summary>
    public void Dispose()
    {
        Reset();
        _pool.Dispose();
    }

    internal NativeBuffer Lend(long bytes) => _pool.Rent(bytes);

    internal void TakeBack(NativeBuffer buffer) => _pool.Return(buffer);

    internal void Release(int first, Tensor? keep)
    {
        bool kept = false;
        for (int i = first; i < _tensors.Count; i++)
        {
            if (ReferenceEquals(_tensors[i], keep)) kept = true;
            else _tensors[i].Dispose();
        }

        _tensors.RemoveRange(first, _tensors.Count - first);
        if (kept) _tensors.Add(keep!);
    }

    internal void Drop(int first, Tensor keep)
    {
        for (int i = first; i < _tensors.Count; i++)
        {
            if (_tensors[i].Source is not null && !ReferenceEquals(_tensors[i], keep)) _tensors[i].Drop();
        }
    }
}

/// <summary>Where an operation puts the gradient of an input: see <see cref="Graph.TargetOf"/>.</summary>
/// <param name="Gradient">Rows of the input's innermost dimension.</param>
/// <param name="Accumulate">Whether to add to what is there; otherwise every element is to be written.</param>
public readonly record struct GradientTarget(Matrix Gradient, bool Accumulate)
{
    /// <summary>The gradient for an operation that can only add to it: zeros if nothing is there.</summary>
    internal Matrix ToAddTo(WorkerPool workers)
    {
        if (!Accumulate) Elementwise.Fill(workers, Gradient, 0);
        return Gradient;
    }

    /// <summary>Puts scale · <paramref name="x"/> there.</summary>
    internal void Add(WorkerPool workers, Matrix x, float scale = 1)
    {
        if (Accumulate) Elementwise.Accumulate(workers, x, Gradient, scale);
        else if (scale == 1) Elementwise.Copy(workers, x, Gradient);
        else Elementwise.Scale(workers, x, scale, Gradient);
    }
}

/// <summary>See <see cref="Graph.Scope"/>.</summary>
public readonly ref struct GraphScope
{
    private readonly Graph _graph;
    private readonly int _first;

    internal GraphScope(Graph graph, int first)
    {
        _graph = graph;
        _first = first;
    }

    /// <summary>Ends the scope and returns <paramref name="result"/>, the one tensor that is sure to survive it.</summary>
    public Tensor Close(Tensor result)
    {
        if (_graph.IsRecording) _graph.Drop(_first, keep: result);
        else _graph.Release(_first, keep: result);
        return result;
    }
}
