using Hadal.Cli;
using Hadal.Cli.Bench;
using Hadal.Tests.Cli.Training;

namespace Hadal.Tests.Cli;

public sealed class ProgressClockTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Something_is_due_every_two_seconds_and_not_before()
    {
        ProgressClock clock = new(_time);
        List<int> due = [];
        for (int quarter = 1; quarter <= 32; quarter++)
        {
            _time.Advance(0.25);
            if (clock.IsDue()) due.Add(quarter);
        }

        Assert.Equal([8, 16, 24, 32], due);
    }

    [Fact]
    public void After_a_long_silence_one_report_is_due()
    {
        ProgressClock clock = new(_time);
        _time.Advance(9);
        Assert.True(clock.IsDue());
        _time.Advance(1.5);
        Assert.False(clock.IsDue());
        _time.Advance(0.5);
        Assert.True(clock.IsDue());
    }

    [Fact]
    public void The_rest_takes_as_long_as_what_is_done_says()
    {
        _time.Advance(100);
        ProgressClock clock = new(_time);
        _time.Advance(10);
        Assert.Equal(TimeSpan.FromSeconds(10), clock.Elapsed);
        Assert.Equal(5, clock.Rate(50));
        Assert.Equal("30 s left", clock.Left(50, 200));
        Assert.Equal("0 s left", clock.Left(200, 200));
        Assert.Equal("nothing done yet", clock.Left(0, 200));
    }

    [Fact]
    public void Rounds_are_timed_from_where_they_begin()
    {
        RoundProgress progress = new("prompts", _time);
        _time.Advance(60); // of warming up
        Assert.Null(progress.Line(0, 10));
        _time.Advance(1);
        Assert.Null(progress.Line(1, 10));
        _time.Advance(1);
        Assert.Equal("prompts: round 2 of 10, 8 s left", progress.Line(2, 10));
        Assert.Null(progress.Line(2, 10));
    }
}
