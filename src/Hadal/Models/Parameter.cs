using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>What a parameter is for: decides its element type, how it is initialised and what trains it.</summary>
public enum ParameterKind
{
    /// <summary>The weight of a linear layer, [outputs, inputs].</summary>
    Projection,

    /// <summary>The weights of a layer's routed experts, stacked: [experts, outputs, inputs].</summary>
    Experts,

    /// <summary>The token embedding, [vocabulary, hidden].</summary>
    Embedding,

    /// <summary>The output head, [vocabulary, hidden].</summary>
    Head,

    /// <summary>The router of a layer, [experts, hidden].</summary>
    Router,

    /// <summary>The factors of a normalisation.</summary>
    Norm,

    /// <summary>Added to the outputs of a linear layer.</summary>
    Bias,

    /// <summary>The correction bias of routing: steered by load, not by gradients.</summary>
    RoutingBias,
}

/// <summary>A named array of a model. It knows its shape before it has memory, so a model can be described without being loaded.</summary>
public sealed class Parameter
{
    private Tensor? _value;

    internal Parameter(string name, Shape shape, ParameterKind kind, LatentUpProjection? latentUp = null)
    {
        Name = name;
        Shape = shape;
        Kind = kind;
        LatentUp = latentUp;
    }

    /// <summary>Hugging Face's name of the tensor; for stacked experts without the number of the expert.</summary>
    public string Name { get; }

    /// <summary>Lengths of the dimensions.</summary>
    public Shape Shape { get; }

    /// <summary>What it is for.</summary>
    public ParameterKind Kind { get; }

    /// <summary>Number of elements; right even where memory could never hold them.</summary>
    public long Count => Shape.Count;

    /// <summary>Whether the parameter has memory of its own.</summary>
    public bool IsLoaded => _value is not null;

    /// <summary>The arrays in which it is held: itself, but kv_b_proj in blocks as two (<see cref="LatentUpProjection"/>).</summary>
    public IReadOnlyList<Parameter> Held => LatentUp is { IsApart: true } up && up.Whole == this ? [up.Keys, up.Values] : [this];

    /// <summary>The array.</summary>
    /// <exception cref="InvalidOperationException">The model was described but not loaded or initialised, or this is held as two arrays.</exception>
    public Tensor Value => _value ?? throw new InvalidOperationException(
        Held.Count > 1
            ? $"parameter {Name} is held as {Held[0].Name} and {Held[1].Name}"
            : $"parameter {Name} has no memory yet: load or initialise the model first");

    /// <summary>Whether gradients train it.</summary>
    public bool IsTrainable => Kind != ParameterKind.RoutingBias;

    /// <summary>Whether it may be stored in fewer bits; norms, biases and correction biases always stay F32.</summary>
    public bool IsMatrix => Kind is not (ParameterKind.Norm or ParameterKind.Bias or ParameterKind.RoutingBias);

    /// <summary>Whether low-precision training holds it in fewer bits: all matrices but the router, as in DeepSeek-V3 section 3.3.1.</summary>
    public bool IsNarrowable => IsMatrix && Kind != ParameterKind.Router;

    /// <summary>The projection that this is the whole or a half of; null for all but kv_b_proj.</summary>
    internal LatentUpProjection? LatentUp { get; }

    /// <summary>Gives the parameter its array and takes ownership of it.</summary>
    /// <exception cref="ArgumentException">
    /// The shape differs, or the element type is not one that kernels compute with: F32, for matrices BF16, for those but routers also a type
    /// in blocks, if it doesn't train.
    /// </exception>
    public void Assign(Tensor value)
    {
        ArgumentNullException.ThrowIfNull(value);
        bool typeFits = value.ElementType == ElementType.F32 || (IsMatrix && value.ElementType == ElementType.BF16) ||
            (IsNarrowable && value.ElementType.IsBlocked());
        if (value.Shape != Shape || !typeFits)
        {
            throw new ArgumentException($"parameter {Name} is {Shape}, found {value.Shape} of {value.ElementType}", nameof(value));
        }

        if (value.ElementType.IsBlocked() && value.RequiresGradient)
        {
            throw new ArgumentException($"parameter {Name} can't train in {value.ElementType}, expected F32 or BF16", nameof(value));
        }

        if (!ReferenceEquals(_value, value)) Free();
        _value = value;
    }

    /// <summary>Gives the parameter the arrays in which it is to be held, its own or those of both halves, and takes ownership of them.</summary>
    /// <exception cref="ArgumentException">A shape differs, or an element type is not one that kernels compute with.</exception>
    public void Assign(IReadOnlyList<Tensor> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (values.Count == 1)
        {
            Assign(values[0]);
            return;
        }

        if (values.Count != 2 || LatentUp?.Whole != this) throw new ArgumentException($"parameter {Name} is not held as {values.Count} arrays", nameof(values));
        Free();
        LatentUp.Keys.Assign(values[0]);
        LatentUp.Values.Assign(values[1]);
    }

    internal void Free()
    {
        foreach (Parameter half in Held.Where(half => half != this)) half.Free();
        _value?.Dispose();
        _value = null;
    }
}

/// <summary>Where a layer declares its parameters: a list, and the prefix of names.</summary>
internal readonly struct ParameterScope(List<Parameter> parameters, string prefix)
{
    public ParameterScope In(string name) => new(parameters, $"{prefix}{name}.");

    public Parameter Declare(string name, Shape shape, ParameterKind kind)
    {
        Parameter parameter = new(prefix + name, shape, kind);
        parameters.Add(parameter);
        return parameter;
    }

    public LatentUpProjection LatentUp(int heads, int nope, int valueDim, int rank)
    {
        LatentUpProjection projection = new(prefix, heads, nope, valueDim, rank);
        parameters.Add(projection.Whole);
        return projection;
    }

    public Parameter Norm(string name, int length) => Declare(name + ".weight", new Shape(length), ParameterKind.Norm);

    public Projection Projection(string name, int inputs, int outputs, bool bias = false) => new(
        Declare(name + ".weight", new Shape(outputs, inputs), ParameterKind.Projection),
        bias ? Declare(name + ".bias", new Shape(outputs), ParameterKind.Bias) : null);
}

/// <summary>A linear layer: y = x Wᵀ + b.</summary>
/// <param name="Weight">[outputs, inputs].</param>
/// <param name="Bias">[outputs], or none.</param>
public sealed record Projection(Parameter Weight, Parameter? Bias)
{
    /// <summary>Applies the layer to every row.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">[tokens, inputs].</param>
    /// <param name="recomputes">Whether a graph that recomputes drops the result; see <see cref="LinearOperation.Linear(Graph, Tensor, Tensor, Tensor?, ProductPrecision?, bool)"/>.</param>
    /// <returns>[tokens, outputs].</returns>
    public Tensor Forward(Graph g, Tensor x, bool recomputes = false) => g.Linear(x, Weight.Value, Bias?.Value, recomputes: recomputes);

    /// <summary>The layer for <see cref="LinearOperation.Linear(Graph, Tensor, ReadOnlySpan{LinearLayer})"/>, which applies several to the same rows.</summary>
    internal LinearLayer Layer(bool recomputes = false) => new(Weight.Value, Bias?.Value, Recomputes: recomputes);
}
