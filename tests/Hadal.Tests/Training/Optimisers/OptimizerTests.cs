using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Training;

namespace Hadal.Tests.Training.Optimisers;

public sealed class OptimizerTests : IDisposable
{
    private readonly WorkerPool _workers = new(2);

    public static TheoryData<OptimizerKind, ElementType, ElementType> Modes
    {
        get
        {
            TheoryData<OptimizerKind, ElementType, ElementType> modes = [];
            foreach (OptimizerKind kind in Enum.GetValues<OptimizerKind>())
            {
                foreach (ElementType moments in (ElementType[])[ElementType.F32, ElementType.BF16])
                {
                    foreach (ElementType matrices in (ElementType[])[ElementType.F32, ElementType.BF16]) modes.Add(kind, moments, matrices);
                }
            }

            return modes;
        }
    }

    public void Dispose() => _workers.Dispose();

    [Theory]
    [MemberData(nameof(Modes))]
    public void Three_steps_then_save_and_restore_then_two_equal_five_steps_bit_by_bit(OptimizerKind kind, ElementType moments, ElementType matrices)
    {
        OptimizerOptions options = new() { Kind = kind, Moments = moments };
        Parameter[] straight = Trained.OfEveryKind(matrices), first = Trained.OfEveryKind(matrices), second = Trained.OfEveryKind(matrices);
        using Optimizer whole = new(options, straight, _workers), before = new(options, first, _workers);
        Steps(whole, 0, 5);
        Steps(before, 0, 3);

        using Optimizer after = new(options, second, _workers) { StepCount = before.StepCount };
        for (int i = 0; i < first.Length; i++) Trained.Bytes(first[i].Value).CopyTo(second[i].Value.Buffer.AsSpan<byte>(0, (int)second[i].Value.Buffer.ByteLength));
        foreach (((string name, Tensor saved), (string sameName, Tensor restored)) in before.State.Zip(after.State))
        {
            Assert.Equal(name, sameName);
            Trained.Bytes(saved).CopyTo(restored.Buffer.AsSpan<byte>(0, (int)restored.Buffer.ByteLength));
        }

        Assert.NotEqual(Trained.Bits(whole), Trained.Bits(after));
        Steps(after, 3, 5);
        Assert.Equal(Trained.Bits(whole), Trained.Bits(after));
        Assert.Equal(5, after.StepCount);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Workers_change_no_bit(OptimizerKind kind, ElementType moments, ElementType matrices)
    {
        byte[]? expected = null;
        foreach (int count in (int[])[1, 2, 3])
        {
            using WorkerPool pool = new(count);
            Parameter[] parameters =
            [
                .. Trained.OfEveryKind(matrices),
                Trained.Create("large", new Shape(65, 4100), ParameterKind.Projection, 9, matrices), // above what one worker takes alone
            ];
            using Optimizer optimizer = new(new OptimizerOptions { Kind = kind, Moments = moments }, parameters, pool);
            Steps(optimizer, 0, 1, pool);
            expected ??= Trained.Bits(optimizer);
            Assert.Equal(expected, Trained.Bits(optimizer));
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void No_gradient_is_a_gradient_of_zeros(OptimizerKind kind, ElementType moments, ElementType matrices)
    {
        OptimizerOptions options = new() { Kind = kind, Moments = moments };
        using Optimizer without = new(options, Trained.OfEveryKind(matrices), _workers), zeros = new(options, Trained.OfEveryKind(matrices), _workers);
        foreach (string name in (string[])["experts", "bias"])
        {
            Parameter zero = zeros.Parameters.Single(p => p.Name == name);
            for (int step = 0; step < 2; step++)
            {
                Trained.SetGradients(without.Parameters, step);
                Trained.SetGradients(zeros.Parameters, step);
                Parameter none = without.Parameters.Single(p => p.Name == name);
                if (step == 0)
                {
                    without.Step(_workers, 1e-2);
                    zeros.Step(_workers, 1e-2);
                    continue;
                }

                none.Value.Gradient!.Dispose();
                none.Value.Gradient = null;
                zero.Value.ZeroGradient();
                byte[] before = Trained.Bytes(none.Value);
                without.Step(_workers, 1e-2);
                zeros.Step(_workers, 1e-2);
                Assert.NotEqual(before, Trained.Bytes(none.Value)); // momentum and moments still move it
            }
        }

        Assert.Equal(Trained.Bits(zeros), Trained.Bits(without));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Clearing_gradients_on_the_way_changes_nothing_else(OptimizerKind kind, ElementType moments, ElementType matrices)
    {
        OptimizerOptions options = new() { Kind = kind, Moments = moments };
        using Optimizer kept = new(options, Trained.OfEveryKind(matrices), _workers), cleared = new(options, Trained.OfEveryKind(matrices), _workers);
        for (int step = 0; step < 2; step++)
        {
            Trained.SetGradients(kept.Parameters, step);
            Trained.SetGradients(cleared.Parameters, step);
            kept.Step(_workers, 1e-2);
            cleared.Step(_workers, 1e-2, clearGradients: true);
        }

        Assert.Equal(Trained.Bits(kept), Trained.Bits(cleared));
        Assert.All(cleared.Parameters, p => Assert.True(!p.Value.Gradient!.Span.ContainsAnyExcept(0f), p.Name));
        Assert.All(kept.Parameters, p => Assert.True(p.Value.Gradient!.Span.ContainsAnyExcept(0f), p.Name));
    }

    [Theory]
    [InlineData(OptimizerKind.AdamW)]
    [InlineData(OptimizerKind.Muon)]
    public void In_mixed_precision_the_value_is_the_nearest_bfloat16_and_the_copy_takes_small_steps(OptimizerKind kind)
    {
        OptimizerOptions options = new() { Kind = kind, WeightDecay = 0 };
        using Optimizer optimizer = new(options, Trained.OfEveryKind(ElementType.BF16), _workers);
        Parameter matrix = optimizer.Parameters.Single(p => p.Name == "wide");
        float[] start = optimizer.Weights(matrix).Span.ToArray();
        for (int step = 0; step < 20; step++)
        {
            Trained.SetGradients(optimizer.Parameters, 1); // always the same: all steps go the same way
            optimizer.Step(_workers, 1e-5);
        }

        Tensor weights = optimizer.Weights(matrix);
        Span<ushort> value = matrix.Value.Buffer.AsSpan<ushort>(0, start.Length);
        double moved = 0;
        for (int i = 0; i < start.Length; i++)
        {
            float rounded = BFloat16.FromBits(value[i]);
            double halfUnit = Math.ScaleB(1, Math.ILogB(rounded == 0 ? 1e-30 : rounded) - 8);
            Assert.True(Math.Abs((double)weights.Span[i] - rounded) <= halfUnit, $"{i}: {weights.Span[i]:R} and {rounded:R}");
            Assert.Equal(BFloat16.FromSingle(weights.Span[i]).Bits, value[i]);
            moved += Math.Abs(weights.Span[i] - start[i]);
        }

        // Twenty steps of about 1e-5 are far below what BF16 weights of 0.5 resolve (4e-3), and are not lost.
        Assert.InRange(moved / start.Length, 2e-5, 4e-4);
        Parameter norm = optimizer.Parameters.Single(p => p.Name == "norm");
        Assert.Same(norm.Value, optimizer.Weights(norm));
    }

    [Theory]
    [InlineData(DecayedParameters.Matrices, "embedding tall wide router experts head")]
    [InlineData(DecayedParameters.MatricesExceptEmbedding, "tall wide router experts head")]
    [InlineData(DecayedParameters.All, "embedding tall wide bias router experts norm head")]
    public void Weight_decay_shrinks_what_it_is_told_to(DecayedParameters decayed, string expected)
    {
        foreach (OptimizerKind kind in Enum.GetValues<OptimizerKind>())
        {
            OptimizerOptions options = new() { Kind = kind, Decayed = decayed, WeightDecay = 0.25 };
            using Optimizer optimizer = new(options, Trained.OfEveryKind(), _workers);
            float[][] before = [.. optimizer.Parameters.Select(p => p.Value.Span.ToArray())];
            optimizer.Step(_workers, 0.5); // no gradients: decay is all that happens, 1 - 0.5 * 0.25 = 7/8
            List<string> shrunk = [];
            foreach ((Parameter parameter, float[] old) in optimizer.Parameters.Zip(before))
            {
                bool changed = parameter.Value.Span[0] != old[0];
                if (changed) shrunk.Add(parameter.Name);
                for (int i = 0; i < old.Length; i++) Assert.Equal(changed ? old[i] * 0.875 : old[i], parameter.Value.Span[i], 1e-7);
            }

            Assert.Equal(expected.Split(' '), shrunk);
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void The_bytes_of_the_state_are_known_before_there_is_memory(OptimizerKind kind, ElementType moments, ElementType matrices)
    {
        OptimizerOptions options = new() { Kind = kind, Moments = moments };
        Parameter[] parameters = Trained.OfEveryKind(matrices);
        Parameter[] described = [.. parameters.Select(p => new Parameter(p.Name, p.Shape, p.Kind))];
        using Optimizer optimizer = new(options, parameters, _workers);
        Assert.Equal(optimizer.State.Sum(entry => entry.Value.Buffer.ByteLength), Optimizer.StateBytes(options, described, matrices));
        Assert.Equal(optimizer.State.Count(), optimizer.State.Select(entry => entry.Name).Distinct().Count());
    }

    [Fact]
    public void What_gradients_do_not_train_is_left_alone()
    {
        Parameter frozen = Trained.Create("frozen", new Shape(4, 4), ParameterKind.Projection, 1);
        Parameter routing = Trained.Create("routing", new Shape(4), ParameterKind.RoutingBias, 2);
        Parameter trained = Trained.Create("trained", new Shape(4), ParameterKind.Norm, 3);
        frozen.Value.RequiresGradient = false;
        float[] before = [.. frozen.Value.Span, .. routing.Value.Span], old = trained.Value.Span.ToArray();
        using Optimizer optimizer = new(new OptimizerOptions { Decayed = DecayedParameters.All }, [frozen, routing, trained], _workers);
        Trained.SetGradients([frozen, routing, trained], 1);
        optimizer.Step(_workers, 0.1);
        Assert.Equal([trained], optimizer.Parameters);
        Assert.Equal(before, (float[])[.. frozen.Value.Span, .. routing.Value.Span]);
        Assert.NotEqual(old, trained.Value.Span.ToArray());
        Assert.Contains("frozen", Assert.Throws<ArgumentException>(() => optimizer.Weights(frozen)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Optimizer(new OptimizerOptions(), [trained, trained], _workers));
        Assert.Throws<ArgumentOutOfRangeException>(() => optimizer.Step(_workers, double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => optimizer.Step(_workers, 1, double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => optimizer.Step(_workers, -1));
    }

    [Fact]
    public void Clipping_scales_the_whole_gradient_to_the_norm_allowed()
    {
        Parameter[] parameters = Trained.OfEveryKind();
        Trained.SetGradients(parameters, 1, without: "router");
        double exact = Math.Sqrt(parameters.Where(p => p.Name != "router").Sum(p => p.Value.Gradient!.Span.ToArray().Sum(g => (double)g * g)));
        double norm = GradientNorm.Of(_workers, parameters);
        Assert.Equal(exact, norm, 1e-6 * exact);
        Assert.Equal(2 / (norm + 1e-6), GradientNorm.ClipScale(norm, 2), 1e-12);
        Assert.Equal(1, GradientNorm.ClipScale(norm, 2 * norm));
        Assert.Equal(1, GradientNorm.ClipScale(norm, null));
        Assert.Equal(1, GradientNorm.ClipScale(0, 1));
        Assert.Equal(0, GradientNorm.ClipScale(double.PositiveInfinity, 1));
        Assert.True(double.IsNaN(GradientNorm.ClipScale(double.NaN, 1)));
        Assert.Equal(0, GradientNorm.Of(_workers, Trained.OfEveryKind()));
    }

    [Fact]
    public void Options_out_of_range_are_named()
    {
        Check("Beta1", new OptimizerOptions { Beta1 = 1 });
        Check("Beta2", new OptimizerOptions { Beta2 = -0.1 });
        Check("Beta2", new OptimizerOptions { Beta2 = double.NaN });
        Check("Epsilon", new OptimizerOptions { Epsilon = 0 });
        Check("Epsilon", new OptimizerOptions { Epsilon = 1e-60 });
        Check("WeightDecay", new OptimizerOptions { WeightDecay = -1 });
        Check("Moments", new OptimizerOptions { Moments = ElementType.F16 });
        Check("MaxGradientNorm", new OptimizerOptions { MaxGradientNorm = 0 });
        Check("Kind", new OptimizerOptions { Kind = (OptimizerKind)9 });
        Check("Decayed", new OptimizerOptions { Decayed = (DecayedParameters)9 });
        Check("Beta2", new OptimizerOptions { Beta2 = 0.999, Moments = ElementType.BF16 });
        Check("Momentum", new OptimizerOptions { Muon = new MuonOptions { Momentum = 1 } });
        Check("NewtonSchulzSteps", new OptimizerOptions { Muon = new MuonOptions { NewtonSchulzSteps = 0 } });
        Check("UpdateScale", new OptimizerOptions { Muon = new MuonOptions { UpdateScale = double.PositiveInfinity } });
        Check("MatrixLearningRateFactor", new OptimizerOptions { Muon = new MuonOptions { MatrixLearningRateFactor = 0 } });
        Check("AdamWLearningRateFactor", new OptimizerOptions { Muon = new MuonOptions { AdamWLearningRateFactor = -1 } });
        new OptimizerOptions { Beta2 = 0.999, MaxGradientNorm = null }.Validate();

        static void Check(string name, OptimizerOptions options)
        {
            ArgumentException e = Assert.Throws<ArgumentException>(options.Validate);
            Assert.StartsWith($"{name} is ", e.Message, StringComparison.Ordinal);
            Assert.Contains(", expected ", e.Message, StringComparison.Ordinal);
        }
    }

    private void Steps(Optimizer optimizer, int from, int to, WorkerPool? workers = null)
    {
        for (int step = from; step < to; step++)
        {
            Trained.SetGradients(optimizer.Parameters, step);
            optimizer.Step(workers ?? _workers, 1e-2 / (step + 1), 0.5);
        }
    }
}
