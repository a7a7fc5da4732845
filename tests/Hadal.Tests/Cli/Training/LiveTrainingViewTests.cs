using Hadal.Cli.Training;
using Hadal.Tests.Training.Metrics;
using Hadal.Training;
using Spectre.Console;

namespace Hadal.Tests.Cli.Training;

public sealed class LiveTrainingViewTests
{
    private static readonly TrainingStart s_start = new() { Name = "tiny [red]", TotalSteps = 100, Parameters = 4_200_000, ActiveParameters = 1_100_000 };

    [Fact]
    public void A_screen_tells_the_figures()
    {
        string screen = string.Join('\n', Draw(State(), 100));
        foreach (string expected in (string[])
        [
            "tiny [red]  4.20M parameters, 1.10M active", "40 %  step 40 of 100  1 min 00 s left", "2.1", "3.25", "3e-4", "0.75", "4.10k", "41.0 %", "0.7",
            "81.9k, 0.4 epochs", "286.10 MiB", "2.75 at step 30", "2.5 at step 20", "sample at step 30: Once upon a time", "█", "▁", "a message",
        ])
        {
            Assert.Contains(expected, screen, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(20)]
    [InlineData(40)]
    [InlineData(63)]
    [InlineData(80)]
    [InlineData(300)]
    public void No_line_is_wider_than_the_terminal(int width)
    {
        ViewState state = State();
        Assert.All(Draw(state, width), line => Assert.InRange(line.Length, 0, width));
        Assert.All(Draw(new ViewState(), width), line => Assert.InRange(line.Length, 0, width));
    }

    [Fact]
    public void Text_of_the_model_is_neither_markup_nor_a_command()
    {
        ViewState state = State();
        state.Sample = new SampleText { Step = 1, Prompt = "[bold]p[/]", Text = "[/] [link=x]\u001b]0;title\u0007[[" };
        state.Add("[unknown]\u001b[2J");
        string screen = string.Join('\n', Draw(state, 90));
        Assert.Contains("[bold]p[/][/] [link=x]\\u001b]0;title\\u0007[[", screen, StringComparison.Ordinal);
        Assert.Contains("[unknown]\\u001b[2J", screen, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', screen);
    }

    [Fact]
    public void A_terminal_without_Unicode_gets_ASCII() =>
        Assert.All(Draw(State(), 90, unicode: false), line => Assert.DoesNotContain(line, c => c is > '~' and not '…'));

    [Fact]
    public void A_run_is_drawn_to_its_end_and_the_cursor_comes_back()
    {
        using StringWriter output = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(output),
        });
        console.Profile.Width = 100;
        using (LiveTrainingView view = new(console, TimeProvider.System))
        {
            view.Started(s_start);
            for (int step = 1; step <= 100; step++) view.Stepped(SampleEvents.Full(step));
            view.Evaluated(SampleEvents.Evaluation(100));
            view.Sampled(SampleEvents.Sample(100));
            view.Saved(100, "runs/tiny", 0.1);
            view.Finished(new TrainingEnd { Outcome = TrainingOutcome.Completed, Steps = 100, Tokens = 204_800, Elapsed = TimeSpan.FromSeconds(50), Folder = "runs/tiny" });
        }

        string text = output.ToString();
        Assert.Contains("step 100 of 100", text, StringComparison.Ordinal);
        Assert.Contains("finished after 100 steps, 205k tokens, in 50 s: runs/tiny", text, StringComparison.Ordinal);
        Assert.True(text.LastIndexOf("\u001b[?25h", StringComparison.Ordinal) > text.LastIndexOf("\u001b[?25l", StringComparison.Ordinal));
    }

    [Fact]
    public void A_view_that_was_never_started_is_disposed_in_silence()
    {
        using StringWriter output = new();
        new LiveTrainingView(AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) }), TimeProvider.System).Dispose();
        Assert.Equal("", output.ToString());
    }

    [Fact]
    public void A_sparkline_shows_means_of_equal_shares()
    {
        Assert.Equal("▁▃▆█", Sparkline.Of([0, 0, 1, 1, 2, 2, 3, 3], 4, unicode: true));
        Assert.Equal("▁x█", Sparkline.Of([0, double.NaN, 3], 10, unicode: true));
        Assert.Equal("▁▁", Sparkline.Of([5, 5], 10, unicode: true));
        Assert.Equal("", Sparkline.Of([], 10, unicode: true));
        Assert.Equal("_#", Sparkline.Of([0, 1], 10, unicode: false));
    }

    [Fact]
    public void Many_losses_are_thinned_out_to_their_means()
    {
        ViewState state = new();
        for (int i = 0; i < 100_000; i++) state.Add(i);
        Assert.InRange(state.Losses.Count, 1000, 4096);
        Assert.True(state.Losses.Zip(state.Losses.Skip(1)).All(pair => pair.First < pair.Second));
        Assert.InRange(state.Losses[^1], 99_900, 100_000);
    }

    private static ViewState State()
    {
        ViewState state = new() { Start = s_start, Left = TimeSpan.FromSeconds(60), Sample = new SampleText { Step = 30, Prompt = "Once upon", Text = " a time\nthere was" } };
        for (int step = 1; step <= 40; step++)
        {
            state.Step = SampleEvents.Full(step, 2 + 4.0 / step);
            state.Add(state.Step.Loss);
        }

        state.Add(SampleEvents.Evaluation(20, 2.5));
        state.Add(SampleEvents.Evaluation(30));
        state.Add("a message");
        return state;
    }

    private static string[] Draw(ViewState state, int width, bool unicode = true)
    {
        using StringWriter output = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = width;
        console.Profile.Capabilities.Unicode = unicode;
        console.Write(TrainingScreen.Render(state, width, unicode));
        return [.. output.ToString().Split('\n').Select(line => line.TrimEnd('\r'))];
    }
}
