using Hadal.Autograd;
using Hadal.Numerics;
using static Hadal.Tests.Autograd.FiniteDifferences;

namespace Hadal.Tests.Autograd;

/// <summary>Operations on rows and elements against differences of their values.</summary>
public sealed class DenseGradientTests
{
    [Theory]
    [InlineData(ElementType.F32, false)]
    [InlineData(ElementType.F32, true)]
    [InlineData(ElementType.BF16, false)]
    [InlineData(ElementType.BF16, true)]
    public void Linear_passes_the_gradient_to_input_weight_and_bias(ElementType type, bool biased)
    {
        Tensor x = Input(1, new Shape(4, 5)), weight = Input(2, new Shape(3, 5), type: type);
        Tensor? bias = biased ? Input(3, new Shape(3)) : null;
        Check(g => g.Linear(x, weight, bias), [x, weight, .. bias is null ? Array.Empty<Tensor>() : [bias]]);
    }

    [Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    public void Linear_leaves_out_what_is_frozen(bool ofInput, bool ofWeight, bool ofBias)
    {
        Tensor x = Input(1, new Shape(4, 5), ofInput), weight = Input(2, new Shape(3, 5), ofWeight), bias = Input(3, new Shape(3), ofBias);
        Check(g => g.Linear(x, weight, bias), x, weight, bias);
    }

    [Fact]
    public void RmsNorm_passes_the_gradient_to_input_and_weight()
    {
        Tensor x = Input(1, new Shape(3, 17)), weight = Input(2, new Shape(17));
        Check(g => g.RmsNorm(x, weight, 0.1f), x, weight);
        Tensor y = Input(1, new Shape(3, 17)), frozen = Input(2, new Shape(17), requiresGradient: false);
        Check(g => g.RmsNorm(y, frozen, 0.1f), y, frozen);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void SwiGlu_and_Add_pass_the_gradient_to_the_inputs_that_require_one(bool first, bool second)
    {
        Tensor a = Input(1, new Shape(2, 19), first), b = Input(2, new Shape(2, 19), second);
        Check(g => g.SwiGlu(a, b), a, b);
        Tensor c = Input(1, new Shape(2, 19), first), d = Input(2, new Shape(2, 19), second);
        Check(g => g.Add(c, d), c, d);
        Tensor e = Input(3, new Shape(3, 4), first), f = Input(4, new Shape(3, 2), second);
        Check(g => g.Concatenate(e, f), e, f);
        Tensor h = Input(5, new Shape(1), first), i = Input(6, new Shape(1), second);
        Check(g => g.AddScaled(h, i, -0.3f), h, i);
    }

    [Fact]
    public void Columns_return_the_gradient_to_their_place_even_where_they_overlap()
    {
        Tensor x = Input(1, new Shape(3, 7));
        Check(g => g.Concatenate(g.Columns(x, 1, 4), g.Columns(x, 3, 4)), x);
    }

    [Theory]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.BF16)]
    public void Rows_add_up_what_reaches_a_row_several_times(ElementType type)
    {
        int[] ids = [3, 0, 3, 4, 3];
        Tensor table = Input(1, new Shape(5, 6), type: type);
        Check(g => g.Rows(table, ids), table);
        Assert.All(table.Gradient!.AsMatrix().Row(1).ToArray(), value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData(RotaryLayout.HalfSplit)]
    [InlineData(RotaryLayout.Interleaved)]
    public void Rotary_turns_the_gradient_back_in_all_and_in_some_lanes(RotaryLayout layout)
    {
        // Two heads: lanes 3 to 8 of 9 turn, by tables that are no pure rotation (an amplitude). Tokens share table rows.
        Tensor cos = Input(1, new Shape(3, 3), false), sin = Input(2, new Shape(3, 3), false);
        int[] positions = [2, 0, 2, 1];
        RotaryAngles angles = new(cos, sin, layout, positions);
        Tensor x = Input(3, new Shape(4, 18));
        Check(g => g.Rotary(x, 2, 3, angles), x);
        Tensor whole = Input(3, new Shape(4, 12));
        Check(g => g.Rotary(whole, 2, 0, angles), whole);
    }

    [Fact]
    public void CrossEntropy_passes_the_gradient_to_all_rows_but_the_ignored_ones()
    {
        Tensor logits = Input(1, new Shape(4, 7));
        Check(g => g.CrossEntropy(logits, [6, -1, 0, -100]), logits);
        foreach (int row in (int[])[1, 3]) Assert.All(logits.Gradient!.AsMatrix().Row(row).ToArray(), value => Assert.Equal(0, value));
    }

    [Fact]
    public void A_weighted_sum_passes_its_weights_on()
    {
        Tensor x = Input(1, new Shape(2, 3, 2));
        float[] weights = [1, -2, 0.5f, 0, 4, 0.25f, 1, 1, 1, 2, -1, 0];
        Check(g => g.WeightedSum(x, weights), x);

        // The second pass of the check added the same again, and its random direction has one element d: the gradient is 2 d weights,
        // exactly, because the weights are powers of two.
        float scale = x.Gradient!.Span[0];
        Assert.Equal(weights.Select(weight => weight * scale), x.Gradient.Span.ToArray());
    }
}
