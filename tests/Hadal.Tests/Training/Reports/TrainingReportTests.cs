using System.Text.Json;
using System.Xml.Linq;
using Hadal.Checkpoints;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Training.Metrics;
using Hadal.Training;
using Hadal.Training.Reports;

namespace Hadal.Tests.Training.Reports;

public sealed class TrainingReportTests : IDisposable
{
    private const string Attack = "</script><img src=x onerror=alert(1)>&amp; ]]> \"'\u0000\u001b[31m\ud800";

    private readonly TemporaryFolder _folder = new();

    private string Path => _folder.At("report.html");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_report_is_well_formed_and_holds_every_plot_once()
    {
        XElement page = Write(Run("V3 MoE"));
        Assert.Equal(
            ["Loss", "Loss after the first quarter", "Multi-token-prediction loss", "Learning rate", "Gradient norm", "Throughput", "Model FLOP utilisation", "MaxVio", "Sequence-wise balance loss"],
            Plots(page).Select(Title));
        Assert.Equal("Load of the experts by the mean of their layer", Title(Assert.Single(page.Descendants("figure"), f => Class(f) == "heat")));
        Assert.Equal(2, page.Descendants("canvas").Count());
    }

    [Fact]
    public void A_report_needs_no_other_file()
    {
        XElement page = Write(Run("a"));
        Assert.Empty(page.Descendants("link"));
        Assert.DoesNotContain(page.Descendants().Attributes(), a => a.Name.LocalName is "src" or "href" or "srcset");
        string text = File.ReadAllText(Path);
        Assert.DoesNotContain("://", text, StringComparison.Ordinal);
        Assert.DoesNotContain("url(", text, StringComparison.Ordinal);
        Assert.DoesNotContain("import", text, StringComparison.Ordinal);
        Assert.DoesNotContain("fetch", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_of_the_model_and_the_user_never_becomes_markup()
    {
        TrainingRun run = Run(Attack) with { Recipe = Attack };
        run = run with { Events = [.. run.Events, new SampleText { Step = 40, Prompt = Attack, Text = Attack }] };
        TrainingReport.Write(Path, Attack, [run, run with { Name = "b" + Attack }]);
        string text = File.ReadAllText(Path);
        Assert.DoesNotContain("<img", text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\u001b', text);
        XElement page = XDocument.Parse(text).Root!;
        string clean = "</script><img src=x onerror=alert(1)>&amp; ]]> \"'\ufffd\ufffd[31m\ufffd";
        Assert.Equal(clean, page.Element("head")!.Element("title")!.Value);
        Assert.Contains(page.Descendants("pre"), pre => pre.Value == clean + clean);

        // A browser ends a script at its end tag wherever that stands: between the tags there must be none.
        Assert.Equal(page.Descendants("script").Count(), text.Split("</script").Length - 1);
        Assert.Equal(page.Descendants("script").Count(), text.Split("<script").Length - 1);
        foreach (XElement script in page.Descendants("script").Where(s => s.Attribute("type") is not null)) JsonDocument.Parse(script.Value).Dispose();
    }

    [Fact]
    public void The_points_of_a_plot_are_those_of_the_run()
    {
        XElement loss = Plots(Write(Run("a"))).First();
        using JsonDocument data = JsonDocument.Parse(loss.Element("script")!.Value);
        JsonElement raw = data.RootElement.GetProperty("series")[0];
        Assert.Equal("training", raw.GetProperty("name").GetString());
        Assert.Equal(Enumerable.Range(1, 40), raw.GetProperty("x").EnumerateArray().Select(x => x.GetInt32()));
        Assert.Equal(Enumerable.Range(1, 40).Select(Loss), raw.GetProperty("y").EnumerateArray().Select(y => y.GetDouble()), (a, b) => Math.Abs(a - b) < 1e-4);

        // Step 1 of 40 is 25 of 1000 from the left, as an evaluation is at step 0. The largest loss is 4 % of the range below the top, of 1000: 1000 * 0.04 / 1.08.
        Assert.StartsWith("M25 37", loss.Descendants("path").First(p => Class(p).EndsWith("faint", StringComparison.Ordinal)).Attribute("d")!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluations_are_points_at_their_steps_the_one_before_training_included()
    {
        XElement loss = Plots(Write(Run("a"))).First();
        using JsonDocument data = JsonDocument.Parse(loss.Element("script")!.Value);
        JsonElement evaluation = data.RootElement.GetProperty("series").EnumerateArray().Single(s => s.GetProperty("name").GetString() == "evaluation of averaged weights");
        Assert.Equal([0, 20, 40], evaluation.GetProperty("x").EnumerateArray().Select(x => x.GetInt32()));
    }

    [Fact]
    public void Runs_are_compared_by_steps_tokens_arithmetic_and_time()
    {
        XElement page = Write(Run("V3 MoE") with { FlopsPerToken = 6e6 }, Run("dense") with { FlopsPerToken = 3e6 });
        Assert.Equal(["Loss", "Loss after the first quarter", "Loss by tokens", "Loss by arithmetic", "Loss by time"], Plots(page).Select(Title).Take(5));
        Assert.Equal(["", "V3 MoE", "dense"], page.Descendants("tr").First().Elements("th").Select(th => th.Value));
        using JsonDocument data = JsonDocument.Parse(Plots(page).ElementAt(3).Element("script")!.Value);
        JsonElement[] series = [.. data.RootElement.GetProperty("series").EnumerateArray()];

        // 40 steps of 2,048 tokens at 6 and at 3 million operations a token.
        Assert.Equal([491_520_000_000, 491_520_000_000, 245_760_000_000, 245_760_000_000], series.Select(s => s.GetProperty("x").EnumerateArray().Last().GetInt64()));
        Assert.DoesNotContain("Loss by arithmetic", Plots(Write(Run("V3 MoE") with { FlopsPerToken = 6e6 }, Run("dense"))).Select(Title));
    }

    [Fact]
    public void Reinforcement_shows_rewards_by_part_what_was_written_and_why_nothing_is_learnt()
    {
        TrainingRun run = Reinforced("zero", 0.3);
        XElement page = Write(run);
        string[] plots = [.. Plots(page).Select(Title)];
        Assert.Equal(["Held-out problems solved", "Reward", "Reward by part", "Response length"], plots.Take(4));
        Assert.All(["Groups with signal", "Truncated responses", "Entropy", "KL to the reference", "Clipped"], title => Assert.Contains(title, plots));
        using JsonDocument parts = JsonDocument.Parse(Plots(page).ElementAt(2).Element("script")!.Value);
        Assert.Equal(["right answers", "right form"], parts.RootElement.GetProperty("series").EnumerateArray().Select(s => s.GetProperty("name").GetString()));
        string text = page.Element("body")!.Value;
        Assert.Contains("The reward is 40.", text, StringComparison.Ordinal);
        Assert.All(["best of 1", "worst of 1", "best of 40", "worst of 40"], part => Assert.Contains($"46 {part}", text, StringComparison.Ordinal));
        Assert.Equal(2 * 12 + 1, page.Descendants("pre").Count()); // twelve of forty steps, and the diagnosis
        Assert.Contains("30.0 %of 128 problems solved, 10.0 % at step 0", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Runs_of_reinforcement_are_compared()
    {
        XElement page = Write(Reinforced("zero", 0.3), Reinforced("cold start", 0.6));
        Assert.Equal(["", "zero", "cold start"], page.Descendants("tr").First().Elements("th").Select(th => th.Value));
        using JsonDocument solved = JsonDocument.Parse(Plots(page).First().Element("script")!.Value);
        Assert.Equal(["zero", "cold start"], solved.RootElement.GetProperty("series").EnumerateArray().Select(s => s.GetProperty("name").GetString()));
        Assert.Contains("Right answers", Plots(page).Select(Title));
    }

    [Fact]
    public void A_run_that_diverged_at_once_or_never_began_still_has_a_page()
    {
        Write(new TrainingRun { Name = "nothing", Events = [] });
        XElement page = Write(new TrainingRun { Name = "nan", Events = [SampleEvents.Step(1, double.NaN) with { GradientNorm = double.NaN }] });
        Assert.Contains("NaN", page.Element("body")!.Value, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => TrainingReport.Write(Path, "none", []));
    }

    [Fact]
    public void A_long_run_makes_a_small_page()
    {
        TrainingEvent[] events = [.. Enumerable.Range(1, 50_000).Select(step => SampleEvents.Full(step, Loss(step)))];
        Write(new TrainingRun { Name = "long", Events = events });
        Assert.InRange(new FileInfo(Path).Length, 10_000, 1_500_000);
    }

    [Fact]
    public void A_folder_that_is_not_there_is_one_sentence() => Assert.Contains(
        "its folder does not exist", Assert.Throws<CheckpointException>(() => TrainingReport.Write(_folder.At("no", "r.html"), "t", [Run("a")])).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(double.NaN, 0)]
    [InlineData(0, 1)]
    [InlineData(1 / 8.0, 1)]
    [InlineData(1, 128)]
    [InlineData(8, 255)]
    [InlineData(100, 255)]
    [InlineData(2, 170)]
    public void A_ratio_is_a_byte_on_a_logarithmic_scale(double ratio, byte cell) => Assert.Equal(cell, HeatMapHtml.Cell(ratio));

    private static double Loss(int step) => 2 + 4.0 / step;

    private static TrainingRun Run(string name) => new()
    {
        Name = name,
        Parameters = 4_200_000,
        Recipe = "{ \"optimizer\": \"adamw\" }",
        Events =
        [
            SampleEvents.Evaluation(0), .. Enumerable.Range(1, 40).Select(step => SampleEvents.Full(step, Loss(step))),
            SampleEvents.Evaluation(20), SampleEvents.Evaluation(40), SampleEvents.Sample(40),
        ],
    };

    private static TrainingRun Reinforced(string name, double last) => new()
    {
        Name = name,
        Events =
        [
            SampleEvents.PolicyEvaluation(0, 0.1), .. Enumerable.Range(1, 40).Select(step => SampleEvents.Policy(step, 0.01 * step)),
            SampleEvents.PolicyEvaluation(40, last),
        ],
    };

    private static IEnumerable<XElement> Plots(XElement page) => page.Descendants("figure").Where(f => Class(f) == "plot");

    private static string Title(XElement figure) => figure.Element("figcaption")!.Element("b")!.Value;

    private static string Class(XElement element) => element.Attribute("class")?.Value ?? "";

    private XElement Write(params TrainingRun[] runs)
    {
        TrainingReport.Write(Path, "A title", runs);
        return XDocument.Parse(File.ReadAllText(Path)).Root!;
    }
}
