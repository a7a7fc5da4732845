using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Numerics.Optimisers;
using Hadal.Training;

namespace Hadal.Tests.Training.Optimisers;

public sealed class MuonTests : IDisposable
{
    private static readonly OptimizerOptions s_options = new() { Kind = OptimizerKind.Muon };

    private readonly WorkerPool _workers = new(2);

    public void Dispose() => _workers.Dispose();

    [Fact]
    public void Hidden_matrices_have_momentum_and_all_others_have_moments()
    {
        using Optimizer optimizer = new(s_options, Trained.OfEveryKind(), _workers);
        string[] expected =
        [
            "embedding.exp_avg", "embedding.exp_avg_sq", "tall.momentum", "wide.momentum", "bias.exp_avg", "bias.exp_avg_sq",
            "router.exp_avg", "router.exp_avg_sq", "experts.momentum", "norm.exp_avg", "norm.exp_avg_sq", "head.exp_avg", "head.exp_avg_sq",
        ];
        Assert.Equal(expected, optimizer.State.Select(entry => entry.Name));
    }

    [Theory]
    [InlineData(true, 12, 31)]
    [InlineData(false, 12, 31)]
    [InlineData(true, 31, 12)]
    public void Three_steps_equal_the_algorithm_in_binary64(bool nesterov, int rows, int columns)
    {
        Parameter parameter = Trained.Create("w", new Shape(rows, columns), ParameterKind.Projection, 1);
        OptimizerOptions options = s_options with { Muon = new MuonOptions { Nesterov = nesterov, MatrixLearningRateFactor = 2 } };
        using Optimizer optimizer = new(options, [parameter], _workers);
        double[] weights = [.. parameter.Value.Span.ToArray().Select(w => (double)w)], momentum = new double[weights.Length];
        for (int step = 0; step < 3; step++)
        {
            float[] gradient = Trained.Values(50 + step, parameter.Count);
            Trained.SetGradient(parameter, gradient);
            optimizer.Step(_workers, 1e-3, 0.5);

            // Algorithm 1 of arXiv 2502.16982, with the learning rate's factor 2 and the gradient's 0.5.
            Matrix direction = new(new NativeBuffer(4L * weights.Length), ElementType.F32, 0, rows, columns);
            for (int i = 0; i < weights.Length; i++)
            {
                momentum[i] = 0.95 * momentum[i] + 0.5 * gradient[i];
                direction.Row(i / columns)[i % columns] = (float)(nesterov ? 0.5 * gradient[i] + 0.95 * momentum[i] : momentum[i]);
            }

            double[,] orthogonal = NewtonSchulzTests.Exact(direction, out _, out _);
            double rate = 2e-3;
            for (int i = 0; i < weights.Length; i++)
            {
                weights[i] -= rate * (0.2 * Math.Sqrt(31) * orthogonal[i / columns, i % columns] + 0.1 * weights[i]);
                Assert.Equal(weights[i], parameter.Value.Span[i], 2e-6);
            }
        }
    }

    [Theory]
    [InlineData(ElementType.F32, ProductPrecision.F32)]
    [InlineData(ElementType.BF16, ProductPrecision.BF16)]
    public void A_matrix_is_orthogonalised_in_the_precision_of_its_weights(ElementType type, ProductPrecision precision)
    {
        const int rows = 24, columns = 40;
        Parameter parameter = Trained.Create("w", new Shape(rows, columns), ParameterKind.Projection, 1, type);
        float[] before = new float[rows * columns];
        ElementConversion.ToSingle(type, Trained.Bytes(parameter.Value), before);
        using Optimizer optimizer = new(s_options with { WeightDecay = 0 }, [parameter], _workers);
        Trained.SetGradients([parameter], 1);
        float[] expected = Step(precision), other = Step(precision == ProductPrecision.F32 ? ProductPrecision.BF16 : ProductPrecision.F32);
        optimizer.Step(_workers, 1e-2);
        Tensor weights = optimizer.State.Where(entry => entry.Name == "w.master").Select(entry => entry.Value).SingleOrDefault() ?? parameter.Value;
        Assert.Equal(expected, weights.Span.ToArray());
        Assert.NotEqual(other, expected);

        // The first step: momentum is the gradient.
        float[] Step(ProductPrecision by)
        {
            using Tensor direction = Tensor.Create(parameter.Shape), momentum = Tensor.Create(parameter.Shape), result = Tensor.Create(parameter.Shape, before);
            using Tensor scratch = Tensor.Create(new Shape(1, (int)NewtonSchulz.ScratchElements(rows, columns)));
            MomentumUpdate.Accumulate(
                _workers, parameter.Value.Gradient!.AsMatrix(), 1, s_options.Muon!.Momentum, nesterov: true, momentum.AsMatrix(), direction.AsMatrix());
            Matrix orthogonal = NewtonSchulz.Orthogonalise(_workers, direction.AsMatrix(), scratch.AsMatrix(), s_options.Muon.NewtonSchulzSteps, by);
            MomentumUpdate.Apply(_workers, orthogonal, 1e-2 * s_options.Muon.UpdateScale * Math.Sqrt(columns), 0, result.AsMatrix());
            return result.Span.ToArray();
        }
    }

    [Fact]
    public void The_scale_of_the_gradients_does_not_matter()
    {
        using Optimizer one = new(s_options, Matrices(), _workers), other = new(s_options, Matrices(), _workers);
        for (int step = 0; step < 3; step++)
        {
            Trained.SetGradients(one.Parameters, step);
            Trained.SetGradients(other.Parameters, step);
            one.Step(_workers, 1e-2);
            other.Step(_workers, 1e-2, gradientScale: 1.0 / 1024);
        }

        Assert.All(one.Parameters.Zip(other.Parameters), pair => Assert.Equal(pair.First.Value.Span.ToArray(), pair.Second.Value.Span.ToArray()));

        static Parameter[] Matrices() => [.. Trained.OfEveryKind().Where(p => p.Kind is ParameterKind.Projection or ParameterKind.Experts)];
    }

    [Fact]
    public void Every_expert_is_trained_as_a_matrix_of_its_own()
    {
        const int experts = 5, size = 13 * 21;
        Parameter stacked = Trained.Create("experts", new Shape(experts, 13, 21), ParameterKind.Experts, 6);
        Parameter[] single = [.. Enumerable.Range(0, experts).Select(e => Trained.Create($"e{e}", new Shape(13, 21), ParameterKind.Projection, e))];
        for (int e = 0; e < experts; e++) stacked.Value.Span.Slice(e * size, size).CopyTo(single[e].Value.Span);
        using Optimizer together = new(s_options, [stacked], _workers), apart = new(s_options, single, _workers);
        for (int step = 0; step < 2; step++)
        {
            Trained.SetGradients([stacked], step);
            for (int e = 0; e < experts; e++) Trained.SetGradient(single[e], stacked.Value.Gradient!.Span.Slice(e * size, size));
            together.Step(_workers, 1e-2);
            apart.Step(_workers, 1e-2);
        }

        for (int e = 0; e < experts; e++) Assert.Equal(single[e].Value.Span.ToArray(), stacked.Value.Span.Slice(e * size, size).ToArray());
    }

    [Fact]
    public void A_step_has_the_root_mean_square_of_adamws_whatever_the_shape()
    {
        foreach ((int rows, int columns) in ((int, int)[])[(64, 64), (32, 128), (128, 32)])
        {
            Parameter parameter = Trained.Create("w", new Shape(rows, columns), ParameterKind.Projection, 1);
            float[] before = parameter.Value.Span.ToArray();
            using Optimizer optimizer = new(s_options with { WeightDecay = 0 }, [parameter], _workers);
            Trained.SetGradients([parameter], 1);
            optimizer.Step(_workers, 1e-2);
            double square = 0;
            for (int i = 0; i < before.Length; i++) square += Math.Pow(parameter.Value.Span[i] - before[i], 2);

            // A matrix with all singular values 1 has RMS 1/√max; theirs end between 0.65 and 1.25, and a square one's smallest lower.
            Assert.InRange(Math.Sqrt(square / before.Length), 0.2e-2 * 0.6, 0.2e-2 * 1.25);
        }
    }

    [Fact]
    public void The_part_that_adamw_trains_is_trained_as_by_adamw_at_its_own_rate()
    {
        OptimizerOptions muon = s_options with { Muon = new MuonOptions { AdamWLearningRateFactor = 0.5, MatrixLearningRateFactor = 3 } };
        using Optimizer mixed = new(muon, Trained.OfEveryKind(), _workers), alone = new(new OptimizerOptions(), Trained.OfEveryKind(), _workers);
        for (int step = 0; step < 3; step++)
        {
            Trained.SetGradients(mixed.Parameters, step);
            Trained.SetGradients(alone.Parameters, step);
            mixed.Step(_workers, 1e-2);
            alone.Step(_workers, 0.5e-2);
        }

        foreach ((Parameter one, Parameter other) in mixed.Parameters.Zip(alone.Parameters))
        {
            bool same = one.Value.Span.SequenceEqual(other.Value.Span);
            Assert.Equal(one.Kind is not (ParameterKind.Projection or ParameterKind.Experts), same);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(16)]
    public void The_bytes_of_scratch_memory_are_known_beforehand(int workers)
    {
        using WorkerPool pool = new(workers);
        Parameter[] parameters =
        [
            .. Trained.OfEveryKind().Where(p => TrainedParameter.UsesMuon(s_options, p)),
            Trained.Create("large", new Shape(65, 4100), ParameterKind.Projection, 9),
        ];
        TrainedParameter[] trained = [.. parameters.Select(p => TrainedParameter.Create(s_options, p, pool))];
        using MuonMatrices muon = new(s_options, trained);
        muon.Step(pool, 1e-3, 0.1, 1, false);
        Assert.Equal(muon.HeldBytes, Optimizer.ScratchBytes(s_options, [.. parameters, .. Trained.OfEveryKind().Take(1)], workers));
        Assert.True(muon.HeldBytes > 0);
        Assert.Equal(0, Optimizer.ScratchBytes(new OptimizerOptions(), parameters, workers));
    }
}
