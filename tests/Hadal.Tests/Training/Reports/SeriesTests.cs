using Hadal.Training.Reports;

namespace Hadal.Tests.Training.Reports;

public sealed class SeriesTests
{
    [Theory]
    [InlineData(5)]
    [InlineData(50)]
    [InlineData(2000)]
    public void Downsampling_keeps_the_ends_the_extremes_and_the_order_within_the_limit(int limit)
    {
        Random random = new(limit);
        double[] x = [.. Enumerable.Range(1, 30_011).Select(i => (double)i)], y = [.. x.Select(_ => random.NextDouble())];
        (y[12_345], y[777]) = (100, -100);
        PlotSeries kept = Series.Downsample(new PlotSeries("s", x, y), limit);
        Assert.InRange(kept.X.Count, 3, limit);
        Assert.Equal((x[0], y[0], x[^1], y[^1]), (kept.X[0], kept.Y[0], kept.X[^1], kept.Y[^1]));
        Assert.Equal((100, -100), (kept.Y.Max(), kept.Y.Min()));
        Assert.True(kept.X.Zip(kept.X.Skip(1)).All(pair => pair.First < pair.Second));
        Assert.All(kept.X.Zip(kept.Y), point => Assert.Equal(y[(int)point.First - 1], point.Second));
    }

    [Fact]
    public void Every_stretch_keeps_its_own_extremes_and_its_gap()
    {
        double[] x = [.. Enumerable.Range(0, 1000).Select(i => (double)i)], y = [.. x.Select(i => Math.Sin(i))];
        y[500] = double.NaN;
        PlotSeries kept = Series.Downsample(new PlotSeries("s", x, y), 302);
        Assert.Contains(500.0, kept.X);

        // 100 stretches over the 998 inner points: the first is 1 to 9.
        Assert.Contains(Enumerable.Range(1, 9).MaxBy(i => y[i]), kept.X);
        Assert.Contains(Enumerable.Range(1, 9).MinBy(i => y[i]), kept.X);
    }

    [Fact]
    public void A_short_series_stays_as_it_is()
    {
        PlotSeries series = new("s", [1, 2, 3], [1, double.NaN, 3]);
        Assert.Same(series, Series.Downsample(series, 5));
    }

    [Fact]
    public void Smoothing_is_the_weighted_mean_of_what_came_before()
    {
        // Half-life 1: weights 1, 1/2, 1/4 by age. (4 + 2/2) / (3/2) = 10/3; after the gap (8 + 4/4 + 2/8) / (1 + 1/4 + 1/8) = 74/11.
        double[] smooth = Series.Smooth([2, 4, double.NaN, 8], 1);
        Assert.Equal([2, 10 / 3.0, double.NaN, 74 / 11.0], smooth.Select(value => Math.Round(value, 12)), (a, b) => a.Equals(Math.Round(b, 12)) || Math.Round(a, 12).Equals(b));
        Assert.All(Series.Smooth([.. Enumerable.Repeat(3.5, 100)], 7), value => Assert.Equal(3.5, value, 12));
    }
}
