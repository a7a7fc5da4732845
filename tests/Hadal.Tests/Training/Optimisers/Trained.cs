using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Training;

namespace Hadal.Tests.Training.Optimisers;

/// <summary>Parameters without a model, and their gradients.</summary>
internal static class Trained
{
    public static Parameter Create(string name, Shape shape, ParameterKind kind, int seed, ElementType type = ElementType.F32)
    {
        Parameter parameter = new(name, shape, kind);
        using Tensor wide = Tensor.Create(shape, Values(seed, shape.Count));
        Tensor value = Tensor.Create(shape, type, requiresGradient: true);
        using WorkerPool alone = new(1);
        Elementwise.Copy(alone, wide.AsMatrix(), value.AsMatrix());
        parameter.Assign(value);
        return parameter;
    }

    /// <summary>One of every kind, with lengths around those of registers.</summary>
    public static Parameter[] OfEveryKind(ElementType matrices = ElementType.F32) =>
    [
        Create("embedding", new Shape(29, 23), ParameterKind.Embedding, 1, matrices),
        Create("tall", new Shape(37, 19), ParameterKind.Projection, 2, matrices),
        Create("wide", new Shape(17, 65), ParameterKind.Projection, 3, matrices),
        Create("bias", new Shape(37), ParameterKind.Bias, 4),
        Create("router", new Shape(5, 19), ParameterKind.Router, 5, matrices),
        Create("experts", new Shape(5, 13, 21), ParameterKind.Experts, 6, matrices),
        Create("norm", new Shape(19), ParameterKind.Norm, 7),
        Create("head", new Shape(29, 23), ParameterKind.Head, 8, matrices),
    ];

    public static void SetGradient(Parameter parameter, ReadOnlySpan<float> values)
    {
        parameter.Value.Gradient ??= Tensor.Create(parameter.Shape);
        values.CopyTo(parameter.Value.Gradient.Span);
    }

    /// <summary>Random gradients, other ones at every step; those of one parameter stay null.</summary>
    public static void SetGradients(IEnumerable<Parameter> parameters, int step, string? without = null)
    {
        int seed = 1000 * step;
        foreach (Parameter parameter in parameters)
        {
            seed++;
            if (parameter.Name != without) SetGradient(parameter, Values(seed, parameter.Count));
        }
    }

    public static float[] Values(int seed, long count)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, (int)count).Select(_ => random.NextSingle() * 2 - 1)];
    }

    /// <summary>The bits of values and state, to be compared.</summary>
    public static byte[] Bits(Optimizer optimizer) =>
        [.. optimizer.Parameters.Select(p => p.Value).Concat(optimizer.State.Select(s => s.Value)).SelectMany(Bytes)];

    public static byte[] Bytes(Tensor tensor) => tensor.Buffer.AsSpan<byte>(0, (int)tensor.Buffer.ByteLength).ToArray();
}
