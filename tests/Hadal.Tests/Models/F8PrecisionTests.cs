using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Parity;
using Hadal.Models;
using Hadal.Numerics;
using Xunit.Abstractions;

namespace Hadal.Tests.Models;

/// <summary>Models whose linear layers and experts multiply in E4M3: gradients against those in F32, and what is kept from E4M3.</summary>
public sealed class F8PrecisionTests(ITestOutputHelper output) : IDisposable
{
    private readonly WorkerPool _workers = new(2);

    public void Dispose() => _workers.Dispose();

    // The gradients of these models, whose weights are random and large, react to everything: rounding to BF16 moves them by 0.02 to 0.04. E4M3 keeps four
    // significant bits for eight, so it should move them by sixteen times as much, and it does. With all experts chosen no route can change.
    [SkippableTheory]
    [InlineData("v3-base")]
    [InlineData("v3-mtp")]
    [InlineData("v2-lite")]
    [InlineData("qwen2-tiny")]
    public void Gradients_are_off_by_sixteen_times_what_BF16_makes_of_them(string name)
    {
        string folder = Goldens.Require(name);
        using Transformer read = ModelReader.Read(folder, trainable: true);
        ModelConfig config = read.Config is DeepSeekConfig deep
            ? deep with { Routing = deep.Routing with { TopK = deep.NRoutedExperts, Groups = 1, TopGroups = 1 } }
            : read.Config;
        using Transformer model = new(config);
        for (int i = 0; i < model.Parameters.Count; i++) model.Parameters[i].Assign(read.Parameters[i].Value);
        (float loss, float[] expected) = Gradients(model, folder, ProductPrecision.F32);
        (float half, float quarter) = (Difference(ProductPrecision.BF16), Difference(ProductPrecision.F8));
        output.WriteLine($"{name}: BF16 {half:E2}, F8 {quarter:E2}");
        Assert.InRange(quarter / half, 8f, 32f);
        Assert.InRange(quarter, 0.1f, 0.6f);

        float Difference(ProductPrecision precision)
        {
            (float roundedLoss, float[] found) = Gradients(model, folder, precision);
            Assert.InRange(Math.Abs(roundedLoss / loss - 1), 1e-7, 0.03);
            return (float)Differences.RelativeL2(name, found, expected, 0).Found;
        }
    }

    [Fact]
    public void Head_and_router_are_those_of_BF16()
    {
        using Transformer model = TinyModels.Create("v3");
        using Graph half = new(_workers, recording: false) { Precision = ProductPrecision.BF16 }, quarter = new(_workers, recording: false) { Precision = ProductPrecision.F8 };
        Tensor x = Tensor.Create(new Shape(5, 32));
        for (int i = 0; i < 160; i++) x.Span[i] = MathF.Sin(i);
        Assert.Equal(model.Logits(half, x).Span.ToArray(), model.Logits(quarter, x).Span.ToArray());
        int[] targets = [1, 2, 3, 4, 5];
        float[] weights = [1, 1, 1, 1, 1];
        Assert.Equal(Loss(half), Loss(quarter));
        Assert.Equal(Weights(half), Weights(quarter));
        Assert.NotEqual(half.Linear(x, model.Head.Value).Span.ToArray(), quarter.Linear(x, model.Head.Value).Span.ToArray());

        float Loss(Graph g) => g.HeadCrossEntropy(x, model.Head.Value, targets, weights).Loss.Span[0];

        float[] Weights(Graph g)
        {
            float[] found = [];
            ForwardPass pass = new(
                TokenBatch.Of(targets), null!, MlaForm.Expanded,
                (name, value) => found = name.EndsWith("weights", StringComparison.Ordinal) ? value.Span.ToArray() : found, null);
            model.ExpertLayers[0].Forward(g, x, pass, "layer");
            Assert.NotEmpty(found);
            return found;
        }
    }

    private (float Loss, float[] Gradients) Gradients(Transformer model, string folder, ProductPrecision precision)
    {
        using SavedResults ids = new(Path.Combine(folder, "expected.safetensors"));
        using Graph g = new(_workers, recording: true) { Precision = precision };
        foreach (Parameter parameter in model.Parameters) parameter.Value.ZeroGradient();
        Tensor loss = GradientParity.Loss(g, model, TokenBatch.Of(ids.ReadBatch(model.Config)), moduleWeight: 0.3f);
        g.Backward(loss);
        return (
            loss.Span[0],
            [
                .. CheckpointMap.Required(model).Where(stored => stored.Parameter.IsTrainable).SelectMany(
                    stored => stored.Parameter.Value.Gradient!.Buffer.AsSpan<float>(stored.Offset, (int)stored.Shape.Count).ToArray()),
            ]);
    }
}
