using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Tests.Autograd;

/// <summary>
/// Compares the gradients of a function of tensors with differences of its values. The function's output is projected on a fixed random
/// direction; every element of every input that requires a gradient is moved by ±h and ±2h.
/// </summary>
internal static class FiniteDifferences
{
    // A power of two, and inputs are multiples of 1/64: x ± 2h is exact, in BF16 too (|x ± 2h| < 1.07 needs 7 bits).
    private const float Step = 1 / 32f;

    // (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h has a truncation error of h^4/30 f⁽⁵⁾ = 3.2e-8 f⁽⁵⁾. An output of some 50
    // elements of size 1, each the end of about ten F32 roundings of 6e-8, scatters by √50 · √10 · 6e-8 = 1.3e-6; the formula multiplies
    // that by √(2 · 8² + 2) / 12h = 30: 4e-5. A forgotten term or factor is an error of the order of the gradient itself.
    private const double Bound = 2e-4;

    /// <summary>A tensor of multiples of 1/64 between -1 and 1, none of them 0.</summary>
    public static Tensor Input(int seed, Shape shape, bool requiresGradient = true, ElementType type = ElementType.F32)
    {
        Random random = new(seed);
        Tensor tensor = Tensor.Create(shape, type, requiresGradient);
        for (int i = 0; i < shape.Count; i++) Write(tensor, i, random.Next(1, 64) * (random.Next(2) * 2 - 1) / 64f);
        return tensor;
    }

    /// <summary>Checks the gradients after one backward pass and after a second one, which adds the same again.</summary>
    public static void Check(Func<Graph, Tensor> function, params Tensor[] inputs)
    {
        using WorkerPool pool = new(1);
        using Graph recording = new(pool, recording: true), plain = new(pool, recording: false);
        Assert.Contains(inputs, input => input.RequiresGradient);
        for (int pass = 1; pass <= 2; pass++)
        {
            Backward(recording, function);
            for (int i = 0; i < inputs.Length; i++)
            {
                if (inputs[i].RequiresGradient) Compare(plain, function, inputs[i], pass, $"pass {pass}, input {i}");
                else Assert.Null(inputs[i].Gradient);
            }
        }
    }

    private static void Backward(Graph g, Func<Graph, Tensor> function)
    {
        Tensor y = function(g);
        Assert.True(y.RequiresGradient);
        g.Backward(g.WeightedSum(y, Direction(y.Shape)));
        g.Reset();
        Assert.Equal(0, g.LiveBytes);
    }

    private static void Compare(Graph plain, Func<Graph, Tensor> function, Tensor input, int factor, string what)
    {
        Assert.NotNull(input.Gradient);
        float[] found = input.Gradient.Span.ToArray();
        double[] expected = new double[found.Length];
        for (int i = 0; i < expected.Length; i++) expected[i] = factor * Slope(plain, function, input, i);

        // Inputs of size 1: the scale of a gradient is that of the output, or its own if that is larger.
        double scale = factor * Math.Max(1, expected.Max(Math.Abs));
        for (int i = 0; i < found.Length; i++)
        {
            if (!(Math.Abs(expected[i] - found[i]) <= Bound * scale))
            {
                Assert.Fail(
                    $"{what}, element {i} of {input.Shape}: backward {found[i]:R}, differences {expected[i]:R} ± {Bound * scale:R}");
            }
        }
    }

    private static double Slope(Graph plain, Func<Graph, Tensor> function, Tensor input, int index)
    {
        float old = Read(input, index);
        double ValueAt(float x)
        {
            Write(input, index, x);
            Assert.Equal(x, Read(input, index));
            Tensor y = function(plain);
            float[] direction = Direction(y.Shape);
            double sum = 0;
            for (int i = 0; i < direction.Length; i++) sum += (double)direction[i] * y.Span[i];
            plain.Reset();
            return sum;
        }

        double near = ValueAt(old + Step) - ValueAt(old - Step), far = ValueAt(old + 2 * Step) - ValueAt(old - 2 * Step);
        Write(input, index, old);
        return (8 * near - far) / (12 * Step);
    }

    private static float[] Direction(Shape shape)
    {
        Random random = new(99);
        float[] direction = new float[shape.Count];
        for (int i = 0; i < direction.Length; i++) direction[i] = random.NextSingle() * 2 - 1;
        return direction;
    }

    private static float Read(Tensor tensor, int index) => tensor.ElementType == ElementType.BF16
        ? BitConverter.UInt32BitsToSingle((uint)tensor.Buffer.AsSpan<ushort>(index, 1)[0] << 16)
        : tensor.Span[index];

    private static void Write(Tensor tensor, int index, float value)
    {
        if (tensor.ElementType == ElementType.F32) tensor.Span[index] = value;
        else tensor.Buffer.AsSpan<ushort>(index, 1)[0] = (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
    }
}
