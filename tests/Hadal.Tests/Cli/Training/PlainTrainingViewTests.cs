using Hadal.Cli.Training;
using Hadal.Tests.Training.Metrics;
using Hadal.Training;

namespace Hadal.Tests.Cli.Training;

public sealed class PlainTrainingViewTests : IDisposable
{
    private readonly StringWriter _output = new();
    private readonly ManualTime _time = new();
    private readonly PlainTrainingView _view;

    public PlainTrainingViewTests() => _view = new PlainTrainingView(_output, _time);

    private string[] Lines => _output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);

    public void Dispose()
    {
        _view.Dispose();
        _output.Dispose();
    }

    [Fact]
    public void A_run_reads_as_lines()
    {
        _view.Started(new TrainingStart { Name = "tiny", TotalSteps = 100, Parameters = 4_200_000, ActiveParameters = 1_100_000, StepsBefore = 50 });
        _view.Stepped(SampleEvents.Full(51, 5.25) with { WasClipped = true, GradientNorm = 12.5 });
        _time.Advance(12);
        _view.Stepped(SampleEvents.Full(52, double.NaN));
        _view.Evaluated(SampleEvents.Evaluation(52));
        _view.Sampled(new SampleText { Step = 52, Prompt = "Once", Text = " upon\na time" });
        _view.Saved(52, "runs/tiny/52", 0.4);
        _view.Message("stopping");
        _view.Finished(new TrainingEnd { Outcome = TrainingOutcome.Stopped, Steps = 52, Tokens = 106_496, Elapsed = TimeSpan.FromSeconds(12), Folder = "runs/tiny" });
        Assert.Equal(
            [
                "training tiny: 4.20M parameters, 1.10M active, 100 steps, resumed after step 50",
                "step=51/100  loss=5.2500  mtp=3.2500  lr=3.00e-4  norm=12.5*   tok/s=4.10k mfu=41.0% maxvio=0.70  tokens=104k",
                "step=52/100  loss=NaN     mtp=3.2500  lr=3.00e-4  norm=0.75    tok/s=4.10k mfu=41.0% maxvio=0.70  tokens=106k  left=9 min 36 s",
                "evaluation step=52 loss=2.7500 nats/byte=0.9000 tokens=4096 weights=averaged",
                "sample step=52 Once upon\\u000aa time",
                "saved step=52 in runs/tiny/52, 0.4 s",
                "stopping",
                "stopped, to be resumed, after 52 steps, 106k tokens, in 12 s: runs/tiny",
            ],
            Lines);
    }

    [Fact]
    public void Steps_have_a_line_every_ten_seconds_and_the_first_and_last_one_always()
    {
        for (int step = 1; step <= 100; step++)
        {
            _view.Stepped(SampleEvents.Step(step));
            _time.Advance(1);
        }

        Assert.Equal(["1", "11", "21", "31", "41", "51", "61", "71", "81", "91", "100"], Lines.Select(line => line.Split('=')[1].Split('/')[0]));
    }

    [Fact]
    public void Text_of_the_model_can_not_command_the_terminal()
    {
        _view.Sampled(new SampleText { Step = 1, Prompt = "\u001b[2J", Text = "\r\n\u0007[red]x[/]" });
        Assert.Equal("sample step=1 \\u001b[2J\\u000d\\u000a\\u0007[red]x[/]", Assert.Single(Lines));
    }

    [Fact]
    public void The_time_left_follows_the_recent_steps_and_forgives_a_pause()
    {
        RemainingTime remaining = new(_time);
        Assert.Null(remaining.Estimate);
        Go(1, 101, 2);

        // 899 steps at 2 s.
        Assert.Equal(899 * 2, remaining.Estimate!.Value.TotalSeconds, 3);
        Go(102, 200, 1);
        Assert.Equal(800, remaining.Estimate.Value.TotalSeconds, 3);

        // A day of sleep counts 20 of the 64 recent seconds: (63 + 20) / 64 s a step.
        Go(201, 201, 86_400);
        Assert.Equal(799 * 83 / 64.0, remaining.Estimate.Value.TotalSeconds, 3);
        Go(1000, 1000, 1);
        Assert.Equal(0, remaining.Estimate.Value.TotalSeconds);

        void Go(int from, int to, double seconds)
        {
            for (int step = from; step <= to; step++)
            {
                _time.Advance(seconds);
                remaining.Add(step, 1000);
            }
        }
    }
}
