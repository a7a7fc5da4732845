using System.Runtime.InteropServices;
using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;
using Xunit.Abstractions;

namespace Hadal.Tests.Models;

/// <summary>What is dropped between forward and backward comes back with the same bits.</summary>
public sealed class RecomputationTests(ITestOutputHelper output) : IDisposable
{
    private readonly WorkerPool _workers = new(2);

    public void Dispose() => _workers.Dispose();

    [Theory]
    [InlineData("v3", ProductPrecision.F32)]
    [InlineData("v3", ProductPrecision.BF16)]
    [InlineData("v3 without q_lora", ProductPrecision.F32)]
    [InlineData("v2 greedy", ProductPrecision.F32)]
    [InlineData("qwen2", ProductPrecision.F32)]
    [InlineData("llama with biases", ProductPrecision.BF16)]
    [InlineData("v3", ProductPrecision.F8)]
    public void Gradients_have_the_same_bits_and_take_less_memory(string kind, ProductPrecision precision)
    {
        ConfigText config = TinyModels.Config(kind);
        if (kind[0] == 'v') config = config.With("num_nextn_predict_layers", "1");
        using Transformer model = TinyModels.Create(config);
        TrainingBatch batch = TrainingBatch.Within(TokenBatch.Of(TinyModels.Ids(150, 1), TinyModels.Ids(90, 2)));
        (float[][] kept, long keptBytes) = Gradients(false);
        (float[][] recomputed, long recomputedBytes) = Gradients(true);
        for (int i = 0; i < kept.Length; i++)
        {
            if (!model.Parameters[i].IsTrainable) continue;
            Assert.Contains(kept[i], value => float.IsFinite(value) && value != 0);
            Assert.True(MemoryMarshal.AsBytes<float>(kept[i]).SequenceEqual(MemoryMarshal.AsBytes<float>(recomputed[i])), model.Parameters[i].Name);
        }

        // A latent layer keeps down-projections, residuals and the feed-forward's projections of some 25 tensors.
        output.WriteLine($"{kind}: {keptBytes:N0} bytes became {recomputedBytes:N0}");
        Assert.True(recomputedBytes < 0.8 * keptBytes, $"{keptBytes:N0} bytes became {recomputedBytes:N0}");

        (float[][], long) Gradients(bool recomputes)
        {
            foreach (Parameter parameter in model.Parameters) parameter.Value.ZeroGradient();
            using Graph g = new(_workers, recording: true) { Recomputes = recomputes, Precision = precision };
            g.Backward(TrainingObjective.Build(g, model, batch, TargetTotals.Of(batch, model.Modules.Count), new ObjectiveOptions()).Loss);
            long peak = g.PeakLiveBytes;
            g.Reset();
            Assert.Equal((0, 0), (g.LiveBytes, g.PeakLiveBytes));
            return ([.. model.Parameters.Select(p => p.Value.Gradient is { } gradient ? gradient.Span.ToArray() : [])], peak);
        }
    }

    [Fact]
    public void A_dropped_tensor_comes_back_when_it_is_read_and_a_released_one_does_not()
    {
        using Tensor x = Tensor.Create(new Shape(40, 100), requiresGradient: true), weight = Tensor.Create(new Shape(100), requiresGradient: true);
        for (int i = 0; i < 4000; i++) x.Span[i] = i % 17 - 8;
        weight.Span.Fill(2);
        using Graph g = new(_workers, recording: true) { Recomputes = true };
        GraphScope scope = g.Scope();
        Tensor y = g.RmsNorm(x, weight, 1e-6f), z = g.SwiGlu(y, y);
        float[] before = y.Span.ToArray();
        long whole = g.LiveBytes;
        Tensor sum = scope.Close(g.Add(z, z));
        float[] result = sum.Span.ToArray();

        // Both outputs of 16,000 bytes went, the sum stayed.
        Assert.InRange(g.LiveBytes, 16_000, whole - 16_000);
        Assert.Equal(before, y.Span.ToArray());
        Assert.Equal(result, z.Span.ToArray().Select(value => 2 * value));
        g.Reset();
        Assert.Throws<ObjectDisposedException>(() => y.Span.Length);
        Assert.Equal(0, g.LiveBytes);
    }

    [Fact]
    public void A_graph_that_keeps_everything_drops_nothing()
    {
        using Tensor x = Tensor.Create(new Shape(40, 100), requiresGradient: true);
        using Graph g = new(_workers, recording: true);
        GraphScope scope = g.Scope();
        Tensor y = g.SwiGlu(x, x), z = g.Add(y, y);
        long live = g.LiveBytes;
        scope.Close(z);
        Assert.Equal(live, g.LiveBytes);
    }
}
