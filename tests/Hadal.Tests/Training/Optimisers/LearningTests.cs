using Hadal.Autograd;
using Hadal.Checkpoints.Parity;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;
using Hadal.Training;

namespace Hadal.Tests.Training.Optimisers;

/// <summary>What optimisers are for.</summary>
public sealed class LearningTests : IDisposable
{
    private readonly WorkerPool _workers = new(2);

    public void Dispose() => _workers.Dispose();

    [Theory]
    [InlineData(OptimizerKind.AdamW)]
    [InlineData(OptimizerKind.Muon)]
    public void A_quadratic_is_minimised(OptimizerKind kind)
    {
        // f(w) = |w - target|² / 2, so the gradient is w - target. The rate falls to zero, or steps of its size would remain.
        Parameter w = Trained.Create("w", new Shape(12, 20), ParameterKind.Projection, 1);
        float[] target = Trained.Values(2, w.Count), gradient = new float[target.Length];
        using Optimizer optimizer = new(new OptimizerOptions { Kind = kind, WeightDecay = 0 }, [w], _workers);
        double start = Loss();
        for (int step = 0; step < 300; step++)
        {
            Loss();
            Trained.SetGradient(w, gradient);
            optimizer.Step(_workers, 0.05 * (300 - step) / 300);
        }

        Assert.InRange(Loss(), 0, 1e-3 * start);

        double Loss()
        {
            double sum = 0;
            for (int i = 0; i < target.Length; i++)
            {
                gradient[i] = w.Value.Span[i] - target[i];
                sum += (double)gradient[i] * gradient[i] / 2;
            }

            return sum;
        }
    }

    [Theory]
    [InlineData("v3", OptimizerKind.AdamW, ElementType.F32, ElementType.F32)]
    [InlineData("v3", OptimizerKind.AdamW, ElementType.BF16, ElementType.BF16)]
    [InlineData("v3", OptimizerKind.Muon, ElementType.F32, ElementType.F32)]
    [InlineData("qwen2", OptimizerKind.Muon, ElementType.BF16, ElementType.BF16)]
    public void A_model_learns_two_sentences(string kind, OptimizerKind rule, ElementType moments, ElementType matrices)
    {
        using Transformer model = TinyModels.Create(kind);
        if (matrices == ElementType.BF16) Narrow(model);
        using Optimizer optimizer = new(new OptimizerOptions { Kind = rule, Moments = moments }, model.Parameters, _workers);
        using Graph g = new(_workers, recording: true);
        TokenBatch batch = TokenBatch.Of(TinyModels.Ids(12, 1), TinyModels.Ids(9, 2));
        List<float> losses = [];
        for (int step = 0; step < 30; step++)
        {
            Tensor loss = GradientParity.Loss(g, model, batch, 0.3f);
            losses.Add(loss.Item);
            g.Backward(loss);
            double norm = GradientNorm.Of(_workers, optimizer.Parameters);
            optimizer.Step(_workers, 1e-2, GradientNorm.ClipScale(norm, optimizer.Options.MaxGradientNorm), clearGradients: true);
            g.Reset();
        }

        // Random guessing among 97 tokens costs 4.6 nats, and 0.3 times that again for the further token.
        Assert.InRange(losses[0], 4, 8);
        Assert.True(losses[^1] < 0.4 * losses[0], string.Join(' ', losses));
    }

    private void Narrow(Transformer model)
    {
        foreach (Parameter parameter in model.Parameters.Where(p => p.IsMatrix))
        {
            Tensor narrow = Tensor.Create(parameter.Shape, ElementType.BF16, requiresGradient: true);
            Elementwise.Copy(_workers, parameter.Value.AsMatrix(), narrow.AsMatrix());
            parameter.Assign(narrow);
        }
    }
}
