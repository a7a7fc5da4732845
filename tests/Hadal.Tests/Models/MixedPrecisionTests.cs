using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Parity;
using Hadal.Models;
using Hadal.Numerics;
using Xunit.Abstractions;

namespace Hadal.Tests.Models;

/// <summary>Gradients of products in BF16 against reference implementations in F32, and the types in which matrices are held.</summary>
public sealed class MixedPrecisionTests(ITestOutputHelper output) : IDisposable
{
    private readonly WorkerPool _workers = new(2);

    public void Dispose() => _workers.Dispose();

    [SkippableTheory]
    [InlineData("qwen2-tiny")]
    [InlineData("llama-tiny")]
    public void Gradients_of_BF16_products_stay_near_a_reference_in_F32(string name)
    {
        string folder = Goldens.Require(name);
        using SavedResults saved = new(Path.Combine(folder, "grads.safetensors"));
        foreach (ElementType matrices in (ElementType[])[ElementType.F32, ElementType.BF16])
        {
            using Transformer model = ModelReader.Read(folder, trainable: true);
            model.HoldMatricesAs(matrices);
            float[] expected = [.. CheckpointMap.Required(model).SelectMany(stored => saved.TryReadFloats(stored.Name, stored.Shape.Count)!)];
            AssertNear(expected, model, folder, $"{name}, matrices in {matrices}");
        }
    }

    [SkippableTheory]
    [InlineData("v3-base")]
    [InlineData("v3-mtp")]
    [InlineData("v2-lite")]
    public void Gradients_of_BF16_products_stay_near_those_of_F32_where_no_route_changes(string name)
    {
        // Rounded hidden states change the routes of some tokens, and with them whole gradients. With all experts chosen none can change;
        // the gradient in F32 is the one that other tests compare with references.
        string folder = Goldens.Require(name);
        foreach (ElementType matrices in (ElementType[])[ElementType.F32, ElementType.BF16])
        {
            Transformer read = ModelReader.Read(folder, trainable: true);
            DeepSeekConfig config = (DeepSeekConfig)read.Config;
            RoutingRule all = config.Routing with { TopK = config.NRoutedExperts, Groups = 1, TopGroups = 1 };
            using Transformer model = new(config with { Routing = all });
            for (int i = 0; i < model.Parameters.Count; i++) model.Parameters[i].Assign(read.Parameters[i].Value);
            float[] expected = Gradients(model, folder, ProductPrecision.F32);
            model.HoldMatricesAs(matrices);
            AssertNear(expected, model, folder, $"{name}, matrices in {matrices}");
        }
    }

    private float[] Gradients(Transformer model, string folder, ProductPrecision precision)
    {
        using SavedResults ids = new(Path.Combine(folder, "expected.safetensors"));
        using Graph g = new(_workers, recording: true) { Precision = precision };
        foreach (Parameter parameter in model.Parameters) parameter.Value.ZeroGradient();
        g.Backward(GradientParity.Loss(g, model, TokenBatch.Of(ids.ReadBatch(model.Config)), moduleWeight: 0.3f));
        return
        [
            .. CheckpointMap.Required(model).Where(stored => stored.Parameter.IsTrainable).SelectMany(
                stored => stored.Parameter.Value.Gradient!.Buffer.AsSpan<float>(stored.Offset, (int)stored.Shape.Count).ToArray()),
        ];
    }

    // The scale is how far the gradient moves if nothing but the matrices is rounded and the arithmetic is F32: 0.015 to 0.03 in these
    // models, mostly along directions in which the loss curves. Products in BF16 round their other factor too, which adds as much at most.
    private void AssertNear(float[] expected, Transformer model, string folder, string what)
    {
        double relative = Differences.RelativeL2(what, Gradients(model, folder, ProductPrecision.BF16), expected, 0).Found;
        model.HoldMatricesAs(ElementType.BF16);
        double scale = Differences.RelativeL2(what, Gradients(model, folder, ProductPrecision.F32), expected, 0).Found;
        output.WriteLine($"{what}: {relative:E2}, of rounded matrices alone {scale:E2}");
        Assert.InRange(scale, 1e-3, 4e-2);
        Assert.InRange(relative, scale / 2, 2 * scale);
    }

    [Fact]
    public void Matrices_in_BF16_are_the_same_draw_rounded_and_routers_norms_and_biases_stay_F32()
    {
        ModelConfig config = ConfigText.V3.With("attention_bias", "true").Read();
        using Transformer wide = new(config), narrow = new(config), converted = new(config);
        wide.Initialise(3);
        narrow.Initialise(3, ElementType.BF16);
        converted.Initialise(3);
        converted.HoldMatricesAs(ElementType.BF16);
        Assert.Contains(narrow.Parameters, p => p.Value.ElementType == ElementType.BF16);
        for (int i = 0; i < wide.Parameters.Count; i++)
        {
            (Parameter expected, Parameter found) = (wide.Parameters[i], narrow.Parameters[i]);
            bool stays = found.Kind is ParameterKind.Router or ParameterKind.Norm or ParameterKind.Bias or ParameterKind.RoutingBias;
            Assert.Equal(stays ? ElementType.F32 : ElementType.BF16, found.Value.ElementType);
            Assert.Equal(found.IsTrainable, found.Value.RequiresGradient);
            float[] values = Floats(found.Value);
            for (int e = 0; e < values.Length; e++)
            {
                // Half a unit in the eighth bit.
                Assert.InRange(Math.Abs(values[e] - expected.Value.Span[e]), 0, stays ? 0 : Math.Abs(expected.Value.Span[e]) / 256);
            }

            Assert.Equal(values, Floats(converted.Parameters[i].Value));
        }

        // Back again: exactly the rounded values.
        converted.HoldMatricesAs(ElementType.F32);
        Assert.All(converted.Parameters, p => Assert.Equal(ElementType.F32, p.Value.ElementType));
        Assert.Equal(Floats(narrow.Head.Value), converted.Head.Value.Span.ToArray());
    }

    [Fact]
    public void Gradients_of_BF16_matrices_are_F32_and_the_router_is_multiplied_in_F32()
    {
        using Transformer model = TinyModels.Create("v3");
        using Graph wide = new(_workers, recording: false), narrow = new(_workers, recording: false) { Precision = ProductPrecision.BF16 };
        DeepSeekMoE layer = model.ExpertLayers[0];
        Tensor x = Tensor.Create(new Shape(5, 32));
        for (int i = 0; i < 160; i++) x.Span[i] = MathF.Sin(i);
        Assert.NotEqual(
            wide.Linear(x, layer.Router.Value).Span.ToArray(), narrow.Linear(x, layer.Router.Value).Span.ToArray());
        Assert.Equal(Weights(wide), Weights(narrow));

        model.HoldMatricesAs(ElementType.BF16);
        using Graph g = new(_workers, recording: true) { Precision = ProductPrecision.BF16 };
        TrainingBatch batch = TrainingBatch.Within(TokenBatch.Of(TinyModels.Ids(20, 1)));
        g.Backward(TrainingObjective.Build(g, model, batch, TargetTotals.Of(batch, 0), new ObjectiveOptions()).Loss);
        Assert.All(model.Parameters.Where(p => p.IsTrainable), p => Assert.Equal(ElementType.F32, p.Value.Gradient!.ElementType));

        float[] Weights(Graph g)
        {
            float[] weights = [];
            ForwardPass pass = new(
                TokenBatch.Of([1, 2, 3, 4, 5]), null!, MlaForm.Expanded,
                (name, value) => weights = name.EndsWith("weights", StringComparison.Ordinal) ? value.Span.ToArray() : weights, null);
            layer.Forward(g, x, pass, "layer");
            Assert.Equal(15, weights.Length);
            return weights;
        }
    }

    private static float[] Floats(Tensor tensor)
    {
        float[] values = new float[tensor.Shape.Count];
        int size = tensor.ElementType.SizeInBytes();
        ElementConversion.ToSingle(tensor.ElementType, tensor.Buffer.AsSpan<byte>(0, values.Length * size), values);
        return values;
    }
}
