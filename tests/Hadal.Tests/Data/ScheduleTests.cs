using System.Text.Json;
using Hadal.Data;

namespace Hadal.Tests.Data;

public sealed class ScheduleTests
{
    [Fact]
    public void The_batch_of_DeepSeek_V3_grows_from_3072_to_15360_over_469_billion_tokens()
    {
        BatchSizeSchedule schedule = new() { Start = 3072, End = 15360, RampTokens = 469_000_000_000, Multiple = 1536 };
        schedule.Validate();
        Assert.Equal(3072, schedule.At(0));
        Assert.Equal(15360, schedule.At(469_000_000_000));
        Assert.Equal(15360, schedule.At(14_800_000_000_000));
        // (15360 - 3072) / 1536 = 8 steps, each after an eighth of the ramp.
        for (int step = 0; step < 8; step++)
        {
            Assert.Equal(3072 + 1536 * step, schedule.At(469_000_000_000 / 8 * step));
            Assert.Equal(3072 + 1536 * step, schedule.At(469_000_000_000 / 8 * (step + 1) - 1));
        }
    }

    [Fact]
    public void A_batch_may_shrink_or_stay()
    {
        BatchSizeSchedule shrinking = new() { Start = 10, End = 4, RampTokens = 6 };
        Assert.Equal([10, 9, 8, 7, 6, 5, 4, 4], Enumerable.Range(0, 8).Select(tokens => shrinking.At(tokens)));
        Assert.Equal(7, BatchSizeSchedule.Constant(7).At(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => shrinking.At(-1));
    }

    [Fact]
    public void Lengths_change_at_their_steps()
    {
        SequenceLengthSchedule schedule = JsonSerializer.Deserialize<SequenceLengthSchedule>(
            """{"Stages": [{"FromStep": 0, "Length": 256}, {"FromStep": 100, "Length": 1024}, {"FromStep": 150, "Length": 512}]}""")!;
        schedule.Validate();
        Assert.Equal([256, 256, 1024, 1024, 512, 512], new long[] { 0, 99, 100, 149, 150, 1_000_000_000_000 }.Select(schedule.At));
        Assert.Equal(1024, schedule.Longest);
        Assert.Equal(64, SequenceLengthSchedule.Constant(64).At(5));
    }

    [Fact]
    public void Schedules_that_make_no_sense_are_refused()
    {
        BatchSizeSchedule[] sizes =
        [
            BatchSizeSchedule.Constant(0), new() { Start = 1, End = 0 }, new() { Start = 1, End = 2, RampTokens = -1 },
            new() { Start = 1, End = 2, Multiple = 0 },
        ];
        Assert.All(sizes, schedule => Assert.Throws<ArgumentException>(schedule.Validate));
        LengthStage[][] stages = [[], [new(1, 5)], [new(0, 0)], [new(0, 5), new(0, 6)], [new(0, 5), new(9, 6), new(8, 7)]];
        Assert.All(stages, one => Assert.Throws<ArgumentException>(new SequenceLengthSchedule { Stages = one }.Validate));
    }
}
