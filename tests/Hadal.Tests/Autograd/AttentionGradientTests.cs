using Hadal.Autograd;
using Hadal.Numerics;
using static Hadal.Tests.Autograd.FiniteDifferences;

namespace Hadal.Tests.Autograd;

/// <summary>Attention and the keys of latent attention against differences of their values.</summary>
public sealed class AttentionGradientTests
{
    private static readonly SequenceRows[] s_one = [new(0, 5)];
    private static readonly SequenceRows[] s_several = [new(0, 1), new(1, 3), new(4, 0), new(4, 1)];

    public static TheoryData<int, int, int, int> Shapes => new()
    {
        { 2, 2, 3, 3 },
        { 4, 2, 3, 3 }, // grouped queries
        { 3, 1, 2, 2 }, // one key head
        { 2, 2, 5, 3 }, // latent attention: keys longer than values
        { 2, 1, 2, 4 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Attention_passes_the_gradient_to_queries_keys_and_values(int heads, int keyHeads, int keyDim, int valueDim)
    {
        AttentionShape shape = new(heads, keyHeads, keyDim, valueDim, 0.7f);
        foreach (SequenceRows[] sequences in (SequenceRows[][])[s_one, s_several])
        {
            Tensor q = Input(1, new Shape(5, heads * keyDim)), k = Input(2, new Shape(5, keyHeads * keyDim));
            Tensor v = Input(3, new Shape(5, keyHeads * valueDim));
            Check(g => g.Attention(shape, q, k, v, sequences), q, k, v);
        }
    }

    [Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    public void Attention_leaves_out_what_is_frozen(bool queries, bool keys, bool values)
    {
        Tensor q = Input(1, new Shape(5, 6), queries), k = Input(2, new Shape(5, 3), keys), v = Input(3, new Shape(5, 2), values);
        Check(g => g.Attention(new AttentionShape(2, 1, 3, 2, 0.7f), q, k, v, s_one), q, k, v);
    }

    [Fact]
    public void One_tensor_as_queries_keys_and_values_gets_the_sum_of_the_three()
    {
        Tensor x = Input(1, new Shape(5, 6));
        Check(g => g.Attention(new AttentionShape(2, 2, 3, 3, 0.7f), x, x, x, s_several), x);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Latent_keys_and_values_pass_the_gradient_to_both_sources(bool up, bool rotary)
    {
        // Three heads of 2 unrotated lanes and 4 value lanes; all share 3 rotary lanes.
        Tensor upProjected = Input(1, new Shape(3, 18), up), rotaryKey = Input(2, new Shape(3, 3), rotary);
        Tensor Both(Graph g)
        {
            (Tensor keys, Tensor values) = g.LatentKeys(upProjected, rotaryKey, heads: 3, valueDim: 4);
            return g.Concatenate(keys, values);
        }

        Check(Both, upProjected, rotaryKey);
    }

    [Fact]
    public void Latent_keys_alone_and_values_alone_pass_the_gradient()
    {
        Tensor upProjected = Input(1, new Shape(3, 18)), rotaryKey = Input(2, new Shape(3, 3));
        Check(g => g.LatentKeys(upProjected, rotaryKey, 3, 4).Keys, upProjected, rotaryKey);
        Tensor other = Input(1, new Shape(3, 18)), unused = Input(2, new Shape(3, 3), requiresGradient: false);
        Check(g => g.LatentKeys(other, unused, 3, 4).Values, other, unused);
    }

    [Fact]
    public void Latent_keys_and_values_have_their_lanes_in_place()
    {
        // One token, two heads: [nope 1 2 | value 3] [nope 4 5 | value 6], rotary 7 8.
        using WorkerPool pool = new(1);
        using Graph g = new(pool, recording: false);
        Tensor up = Tensor.Create(new Shape(1, 6), [1, 2, 3, 4, 5, 6]), rotary = Tensor.Create(new Shape(1, 2), [7, 8]);
        (Tensor keys, Tensor values) = g.LatentKeys(up, rotary, heads: 2, valueDim: 1);
        Assert.Equal([1, 2, 7, 8, 4, 5, 7, 8], keys.Span.ToArray());
        Assert.Equal([3, 6], values.Span.ToArray());
    }
}
