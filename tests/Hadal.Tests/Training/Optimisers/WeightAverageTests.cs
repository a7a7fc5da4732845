using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Training;

namespace Hadal.Tests.Training.Optimisers;

public sealed class WeightAverageTests : IDisposable
{
    private readonly WorkerPool _workers = new(2);

    public void Dispose() => _workers.Dispose();

    [Fact]
    public void The_average_of_constant_weights_is_those_weights()
    {
        Parameter[] parameters = Trained.OfEveryKind();
        using WeightAverage average = new(new WeightAverageOptions(), parameters, _workers);
        for (int step = 0; step < 50; step++) average.Update(_workers);
        foreach ((Parameter parameter, (string name, Tensor mean)) in parameters.Zip(average.State))
        {
            Assert.Equal(parameter.Name + ".average", name);
            Assert.Equal(parameter.Value.Span.ToArray(), mean.Span.ToArray());
        }
    }

    [Fact]
    public void After_a_jump_the_old_weights_fade_with_the_powers_of_the_decay()
    {
        Parameter p = Trained.Create("p", new Shape(37), ParameterKind.Norm, 1);
        p.Value.Span.Fill(1);
        using WeightAverage average = new(new WeightAverageOptions { Decay = 0.9, Warmup = false }, [p], _workers);
        p.Value.Span.Fill(3);
        for (int n = 1; n <= 40; n++)
        {
            average.Update(_workers);
            Assert.All(average.State.Single().Value.Span.ToArray(), mean => Assert.Equal(3 - 2 * Math.Pow(0.9, n), mean, 1e-6));
        }
    }

    [Fact]
    public void Warm_up_raises_the_decay_to_its_value()
    {
        WeightAverageOptions options = new() { Decay = 0.99 };
        Assert.Equal(0.1, options.At(0), 1e-12);
        Assert.Equal(11.0 / 20, options.At(10), 1e-12);
        for (int t = 1; t < 2000; t++) Assert.InRange(options.At(t), options.At(t - 1), 0.99);
        Assert.Equal(0.99, options.At(1999));
        Assert.Equal(0.99, new WeightAverageOptions { Decay = 0.99, Warmup = false }.At(0));
        Assert.StartsWith("Decay is 1", Assert.Throws<ArgumentException>(new WeightAverageOptions { Decay = 1 }.Validate).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.BF16)]
    public void Applied_averages_are_in_the_model_until_it_ends_and_then_every_bit_is_back(ElementType matrices)
    {
        Parameter[] parameters = Trained.OfEveryKind(matrices);
        using Optimizer optimizer = new(new OptimizerOptions(), parameters, _workers);
        using WeightAverage average = new(new WeightAverageOptions(), parameters, _workers, optimizer.Weights);
        for (int step = 0; step < 3; step++)
        {
            Trained.SetGradients(parameters, step);
            optimizer.Step(_workers, 1e-2);
            average.Update(_workers);
        }

        byte[][] before = [.. parameters.Select(p => Trained.Bytes(p.Value))];
        Parameter[] copy = Trained.OfEveryKind(matrices);
        average.CopyTo(_workers, copy);
        IDisposable applied = average.Applied(_workers);
        Assert.Throws<InvalidOperationException>(() => average.Update(_workers));
        Assert.Throws<InvalidOperationException>(() => average.Applied(_workers));
        foreach ((Parameter parameter, (_, Tensor mean)) in parameters.Zip(average.State))
        {
            float[] values = parameter.Value.ElementType == ElementType.F32
                ? parameter.Value.Span.ToArray()
                : [.. parameter.Value.Buffer.AsSpan<ushort>(0, (int)parameter.Count).ToArray().Select(b => BFloat16.FromBits(b).ToSingle())];
            Assert.Equal(mean.Span.ToArray().Select(m => parameter.Value.ElementType == ElementType.F32 ? m : BFloat16.FromSingle(m).ToSingle()), values);
            Assert.Equal(Trained.Bytes(copy.Single(p => p.Name == parameter.Name).Value), Trained.Bytes(parameter.Value));
        }

        Assert.NotEqual(before, parameters.Select(p => Trained.Bytes(p.Value)));
        applied.Dispose();
        applied.Dispose();
        Assert.Equal(before, parameters.Select(p => Trained.Bytes(p.Value)));
        average.Update(_workers);
    }

    [Fact]
    public void In_mixed_precision_the_full_weights_are_averaged_not_the_rounded_ones()
    {
        Parameter matrix = Trained.Create("w", new Shape(3, 40), ParameterKind.Projection, 1, ElementType.BF16);
        using Optimizer optimizer = new(new OptimizerOptions(), [matrix], _workers);
        using WeightAverage average = new(new WeightAverageOptions { Decay = 0, Warmup = false }, [matrix], _workers, optimizer.Weights);
        Trained.SetGradients([matrix], 1);
        optimizer.Step(_workers, 1e-5);
        average.Update(_workers);
        Assert.Equal(optimizer.Weights(matrix).Span.ToArray(), average.State.Single().Value.Span.ToArray());
    }

    [Fact]
    public void Save_and_restore_go_on_bit_by_bit()
    {
        Parameter[] parameters = Trained.OfEveryKind();
        using WeightAverage whole = new(new WeightAverageOptions(), parameters, _workers);
        Change(1);
        whole.Update(_workers);
        using WeightAverage restored = new(new WeightAverageOptions(), parameters, _workers) { UpdateCount = whole.UpdateCount };
        foreach (((_, Tensor saved), (_, Tensor target)) in whole.State.Zip(restored.State)) saved.Span.CopyTo(target.Span);
        Change(2);
        whole.Update(_workers);
        restored.Update(_workers);
        Assert.Equal(whole.State.SelectMany(s => Trained.Bytes(s.Value)), restored.State.SelectMany(s => Trained.Bytes(s.Value)));
        Assert.Equal(whole.State.Sum(s => s.Value.Buffer.ByteLength), WeightAverage.StateBytes(parameters));

        void Change(int seed)
        {
            foreach (Parameter p in parameters) Trained.Values(seed, p.Count).CopyTo(p.Value.Span);
        }
    }

    [Fact]
    public void A_model_without_a_counterpart_is_refused_before_anything_is_written()
    {
        Parameter[] parameters = Trained.OfEveryKind(), others = [.. Trained.OfEveryKind().SkipLast(1)];
        using WeightAverage average = new(new WeightAverageOptions(), parameters, _workers);
        Trained.Values(9, others[0].Count).CopyTo(others[0].Value.Span);
        byte[] before = Trained.Bytes(others[0].Value);
        ArgumentException e = Assert.Throws<ArgumentException>(() => average.CopyTo(_workers, others));
        Assert.StartsWith("expected a parameter head of shape [29, 23], found none.", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, Trained.Bytes(others[0].Value));
    }
}
