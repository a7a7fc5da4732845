using System.Text.Json;
using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Parity;
using Hadal.Checkpoints.Safetensors;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Training;

namespace Hadal.Tests.Training.Optimisers;

/// <summary>What PyTorch's AdamW and clip_grad_norm_ computed.</summary>
public sealed class AdamWGoldenTests : IDisposable
{
    private readonly WorkerPool _workers = new(2);

    public void Dispose() => _workers.Dispose();

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Steps_with_given_gradients_agree_to_one_in_a_million(int index)
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require("adamw-unit/adamw.json")));
        JsonElement root = golden.RootElement, found = root.GetProperty("cases")[index];
        Assert.Equal(4, root.GetProperty("cases").GetArrayLength());
        Shape[] shapes = [new(3, 4), new(5), new(2, 2, 3)];
        Parameter[] parameters = [.. shapes.Select((shape, i) => Trained.Create($"p{i}", shape, ParameterKind.Projection, i))];
        for (int p = 0; p < 3; p++) Floats(root.GetProperty("params0")[p]).CopyTo(parameters[p].Value.Span);
        JsonElement clip = found.GetProperty("clip_grad_norm");
        using Optimizer optimizer = new(
            new OptimizerOptions
            {
                Beta1 = found.GetProperty("betas")[0].GetDouble(),
                Beta2 = found.GetProperty("betas")[1].GetDouble(),
                Epsilon = found.GetProperty("eps").GetDouble(),
                WeightDecay = found.GetProperty("weight_decay").GetDouble(),
                MaxGradientNorm = clip.ValueKind == JsonValueKind.Null ? null : clip.GetDouble(),
            },
            parameters, _workers);

        JsonElement steps = found.GetProperty("steps");
        Assert.Equal(6, steps.GetArrayLength());
        for (int s = 0; s < steps.GetArrayLength(); s++)
        {
            for (int p = 0; p < 3; p++) Trained.SetGradient(parameters[p], Floats(root.GetProperty("grads")[s][p]));
            double norm = GradientNorm.Of(_workers, parameters);
            if (steps[s].GetProperty("total_norm") is { ValueKind: JsonValueKind.Number } expectedNorm)
            {
                Assert.Equal(expectedNorm.GetDouble(), norm, 1e-6 * norm);
            }

            optimizer.Step(_workers, found.GetProperty("lr").GetDouble(), GradientNorm.ClipScale(norm, optimizer.Options.MaxGradientNorm));
            for (int p = 0; p < 3; p++) AssertNear(steps[s].GetProperty("params")[p], parameters[p].Value, $"p{p} after step {s}");
        }

        Dictionary<string, Tensor> state = optimizer.State.ToDictionary(entry => entry.Name, entry => entry.Value);
        for (int p = 0; p < 3; p++)
        {
            AssertNear(found.GetProperty("exp_avg")[p], state[$"p{p}.exp_avg"], "exp_avg");
            AssertNear(found.GetProperty("exp_avg_sq")[p], state[$"p{p}.exp_avg_sq"], "exp_avg_sq");
        }
    }

    [SkippableFact]
    public void Five_steps_of_a_model_give_the_same_losses_norms_and_weights()
    {
        string folder = Goldens.Require("adamw-qwen2-tiny"), initial = Goldens.Require("qwen2-tiny");
        using JsonDocument meta = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "meta.json")));
        using SafetensorsFile golden = SafetensorsFile.Open(Path.Combine(folder, "expected.safetensors"));
        using Transformer model = ModelReader.Read(initial, trainable: true);
        using Optimizer optimizer = new(
            new OptimizerOptions { Decayed = DecayedParameters.All, MaxGradientNorm = 1 }, model.Parameters, _workers);
        int[][] steps = Batches(golden);
        Assert.Equal(5, meta.RootElement.GetProperty("losses").GetArrayLength());
        using Graph g = new(_workers, recording: true);
        for (int s = 0; s < 5; s++)
        {
            int length = (int)golden.Entry("input_ids").Shape[2];
            Tensor loss = GradientParity.Loss(g, model, TokenBatch.Of([.. steps[s].Chunk(length)]), 0);

            // The reference's own F32 losses are 1.4e-5 off its F64 run's.
            Assert.Equal(meta.RootElement.GetProperty("losses")[s].GetDouble(), loss.Item, 5e-5);
            g.Backward(loss);
            double norm = GradientNorm.Of(_workers, model.Parameters);
            Assert.Equal(meta.RootElement.GetProperty("grad_norms_before_clip")[s].GetDouble(), norm, 1e-3);
            optimizer.Step(_workers, 1e-3, GradientNorm.ClipScale(norm, 1), clearGradients: true);
            g.Reset();
            if (s == 0) AssertMostAgree(golden, "step1.", model, atLeast: 10_000);
        }

        AssertMostAgree(golden, "final.", model, atLeast: model.Parameters.Sum(parameter => parameter.Count));
    }

    // A step moves a weight by 1e-3. Adam normalises gradients that are nothing but rounding noise, so some elements go anywhere: the
    // reference's F32 run is off its F64 run's by more than 1e-5 in 0.011 % of the elements. After the first step some parameters are saved.
    private static void AssertMostAgree(SafetensorsFile golden, string prefix, Transformer model, long atLeast)
    {
        long off = 0, all = 0;
        foreach (StoredTensor stored in CheckpointMap.Required(model))
        {
            if (!golden.Tensors.TryGetValue(prefix + stored.Name, out SafetensorsEntry? entry)) continue;
            float[] expected = new float[entry.ElementCount];
            golden.ReadSingle(entry, 0, expected);
            ReadOnlySpan<float> found = stored.Parameter.Value.Buffer.AsSpan<float>(stored.Offset, expected.Length);
            for (int i = 0; i < expected.Length; i++, all++)
            {
                if (!(Math.Abs(expected[i] - found[i]) <= 1e-5)) off++;
            }
        }

        Assert.True(all >= atLeast && off <= all * 5e-4, $"{prefix}: {off} of {all} elements differ by more than 1e-5");
    }

    private static int[][] Batches(SafetensorsFile golden)
    {
        SafetensorsEntry entry = golden.Entry("input_ids");
        Assert.Equal((ElementType.I64, 3, 5L), (entry.ElementType, entry.Shape.Count, entry.Shape[0]));
        int[] ids = new int[entry.ElementCount];
        for (int i = 0; i < ids.Length; i++) ids[i] = (int)BitConverter.ToInt64(golden.ReadBytes(entry, 8L * i, 8));
        return [.. ids.Chunk(ids.Length / 5)];
    }

    private static void AssertNear(JsonElement expected, Tensor found, string what)
    {
        float[] values = Floats(expected);
        Assert.Equal(values.Length, found.Span.Length);
        for (int i = 0; i < values.Length; i++)
        {
            double tolerance = 1e-6 * Math.Max(Math.Abs(values[i]), 0.1);
            Assert.True(Math.Abs(values[i] - found.Span[i]) <= tolerance, $"{what}[{i}]: {found.Span[i]:R}, expected {values[i]:R}");
        }
    }

    private static float[] Floats(JsonElement nested) => nested.ValueKind == JsonValueKind.Array
        ? [.. nested.EnumerateArray().SelectMany(Floats)]
        : [nested.GetSingle()];
}
