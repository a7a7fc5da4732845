using Hadal.Training.Reports;

namespace Hadal.Tests.Training.Reports;

public sealed class AxisTests
{
    [Fact]
    public void Ticks_are_round_numbers()
    {
        Assert.Equal([0, 0.2, 0.4, 0.6, 0.8, 1.0], Axis.Of([-0.1, 1.1]).Ticks());
        Assert.False(double.IsNegative(Axis.Of([-0.1, 1.1]).Ticks()[0]));
        Assert.Equal([2, 4, 6, 8, 10], Axis.Of([1.5, 10.5]).Ticks());
        Assert.Equal([0, 500, 1000, 1500, 2000], Axis.Of([0.0, 2000]).Ticks());
        Assert.Equal([0.1, 1, 10, 100, 1000, 10_000], Axis.Of([0.05, 20_000], log: true).Ticks(), (a, b) => Math.Abs(a / b - 1) < 1e-12);
        Assert.Equal([0.5, 1, 2, 5, 10], Axis.Of([0.4, 11], log: true).Ticks(), (a, b) => Math.Abs(a / b - 1) < 1e-12);
    }

    [Fact]
    public void Any_range_has_some_ticks_within_it_in_order()
    {
        Random random = new(3);
        for (int round = 0; round < 5000; round++)
        {
            double low = (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-12, 18)), high = low + random.NextDouble() * Math.Pow(10, random.Next(-6, 18));
            bool log = round % 2 == 0;
            if (log) (low, high) = (Math.Abs(low) + 1e-300, Math.Abs(low) * Math.Pow(10, random.Next(0, 30)) * (1 + random.NextDouble()));
            Axis axis = Axis.Of([low, high], log, room: 0.04);
            double[] ticks = [.. axis.Ticks()];
            Assert.InRange(ticks.Length, 1, 14);
            Assert.All(ticks, tick => Assert.InRange(axis.Place(tick), -1e-6, 1 + 1e-6));
            Assert.True(ticks.Zip(ticks.Skip(1)).All(pair => pair.First < pair.Second));
            Assert.InRange(axis.Place(low), 0, axis.Place(high));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Values_that_have_no_place_do_not_stretch_the_axis(bool log)
    {
        Axis axis = Axis.Of([double.NaN, 1, double.PositiveInfinity, 2, double.NegativeInfinity], log);
        Assert.Equal((1, 2), (axis.Low, axis.High));
        Axis positive = Axis.Of([0, -5, 1, 100], log: true);
        Assert.Equal((1, 100), (positive.Low, positive.High));
        Assert.NotEmpty(Axis.Of([], log).Ticks());
        Assert.InRange(Axis.Of([5.0, 5.0], log).Place(5), 0.4, 0.6);
        Assert.InRange(Axis.Of([0.0], log: false).Place(0), 0.4, 0.6);
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(950, "950")]
    [InlineData(12_345, "12.3k")]
    [InlineData(999_600, "1.00M")]
    [InlineData(671e9, "671G")]
    [InlineData(0.5, "0.50")]
    [InlineData(double.NaN, "NaN")]
    public void Counts_have_three_digits(double value, string expected) => Assert.Equal(expected, Quantity.Count(value));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(2.41349, "2.413")]
    [InlineData(3e-4, "3e-4")]
    [InlineData(2.25e-5, "2.25e-5")]
    [InlineData(12_345, "12345")]
    [InlineData(3.2e18, "3.2e18")]
    [InlineData(double.PositiveInfinity, "∞")]
    public void Numbers_have_four_digits(double value, string expected) => Assert.Equal(expected, Quantity.Number(value));

    [Theory]
    [InlineData(0.4, "0 s")]
    [InlineData(59.6, "1 min 00 s")]
    [InlineData(200, "3 min 20 s")]
    [InlineData(7500, "2 h 05 min")]
    [InlineData(367_200, "4 d 06 h")]
    public void Times_have_two_units(double seconds, string expected) => Assert.Equal(expected, Quantity.Duration(TimeSpan.FromSeconds(seconds)));
}
