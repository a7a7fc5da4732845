using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

[Trait("Category", "Kernels")]
public sealed class RowExponentialsTests
{
    [Fact]
    public void They_agree_with_double_precision_at_every_length()
    {
        foreach (int n in Sample.Lengths.Where(n => n > 0))
        {
            Random random = new(n);
            float[] x = [.. Enumerable.Range(0, n).Select(_ => 30 * random.NextSingle() - 10)], y = new float[n];
            if (n > 3) x[n / 2] = float.NegativeInfinity;
            float max = RowExponentials.Max(x);
            Assert.Equal(x.Max(), max);
            double[] expected = [.. x.Select(v => Math.Exp(((double)v - max) / 0.7f))];
            Assert.Equal(expected.Sum(), RowExponentials.Store(x, max, 0.7f, y), expected.Sum() * 1e-5);
            for (int i = 0; i < n; i++) Assert.Equal(expected[i], y[i], expected[i] * 1e-5);
            Assert.Equal(Math.Log(x.Sum(v => Math.Exp((double)v - max))) + max, RowExponentials.LogSum(x), 1e-5);
        }
    }

    [Fact]
    public void Extremes_keep_their_meaning()
    {
        Assert.Equal(float.NegativeInfinity, RowExponentials.Max([]));
        Assert.True(float.IsNaN(RowExponentials.Max([1, float.NaN, 2])));
        Assert.Equal(double.NegativeInfinity, RowExponentials.LogSum([float.NegativeInfinity]));
        float[] y = new float[3];
        Assert.Equal(1, RowExponentials.Store([1, 2, 3], 3, 1e-30f, y)); // so cold that only the best is left
        Assert.Equal([0, 0, 1], y);
        Assert.Throws<ArgumentException>(() => RowExponentials.Store([1, 2], 2, 1, new float[1]));
    }
}
