using System.Text.Json;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Tokenization;

namespace Hadal.Tests.Cli;

[Collection(ConsoleRun.Name)]
public sealed class EvalCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void A_trained_model_predicts_its_own_kind_of_text_better_than_another()
    {
        string model = SharedData.Require("stories260K"), stories = _folder.At("stories.txt"), german = SharedData.Require("bpe-cs336/german.txt");
        File.WriteAllText(stories, File.ReadAllText(SharedData.Require("tinystories-sample/tinystories-197k.txt"))[..3000]);
        (double own, double other) = (NatsPerByte(model, stories), NatsPerByte(model, german));

        // A uniform guess over 512 tokens costs ln 512 = 6.2 nats a token; the model was trained on such stories.
        Assert.InRange(own, 0.1, 1.0);
        Assert.True(other > 2 * own, $"{own} and {other} nats a byte");
    }

    [SkippableFact]
    public void Products_of_precision_BF16_cost_a_text_a_little()
    {
        string model = SharedData.Require("stories260K"), stories = _folder.At("stories.txt");
        File.WriteAllText(stories, File.ReadAllText(SharedData.Require("tinystories-sample/tinystories-197k.txt"))[..3000]);
        (double exact, double rounded) = (NatsPerByte(model, stories), NatsPerByte(model, stories, "--precision", "bf16"));
        Assert.NotEqual(exact, rounded);
        Assert.Equal(exact, rounded, 0.01 * exact); // factors have 8 bits
    }

    [SkippableFact]
    public void Every_answer_to_given_problems_is_written_down_for_others_to_check()
    {
        string model = SharedData.Require("stories260K"), problems = _folder.At("problems.jsonl"), transcripts = _folder.At("out.jsonl");
        File.WriteAllLines(problems, ["""{"numbers":[3,7,25],"target":46}""", """{"numbers":[1,2],"target":3}"""]);
        HadalProcess run = ConsoleRun.Run(
            "eval", model, "--task", "countdown", "--terse", "--read-out", "--problems", problems, "--samples", "3", "--max-tokens", "8", "--transcripts", transcripts,
            "--json");
        Assert.Equal(0, run.ExitCode);
        using JsonDocument summary = JsonDocument.Parse(run.Output.Trim().Split('\n')[^1]);
        Assert.Equal((2, 3), (summary.RootElement.GetProperty("problems").GetInt32(), summary.RootElement.GetProperty("samples").GetInt32()));
        JsonElement[] lines = [.. File.ReadLines(transcripts).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal([46, 46, 46, 3, 3, 3], lines.Select(line => line.GetProperty("target").GetInt32()));
        Assert.All(lines, line => Assert.False(line.GetProperty("correct").GetBoolean()));
        Assert.Equal("a3 b7 c25 =four.six", lines[0].GetProperty("prompt").GetString());
        ConsoleRun.Run("eval", model, "--task", "countdown", "--problems", _folder.At("missing")).RequireError(1, "missing");
        string tooLong = _folder.At("long.jsonl");
        File.WriteAllText(tooLong, $$"""{"prompt":"1","answer":"1"}{{'\n'}}{"prompt":"{{string.Concat(Enumerable.Repeat("7 ", 20_000))}}","answer":"7"}""");
        ConsoleRun.Run("eval", model, "--task", "file", "--problems", tooLong).RequireError(1, "the prompt of problem 2 has", "for this model's context");
    }

    [SkippableFact]
    public void What_can_not_be_measured_is_said_in_one_line()
    {
        string model = SharedData.Require("stories260K"), empty = _folder.At("empty.txt");
        File.WriteAllText(empty, "");
        ConsoleRun.Run("eval", model, "--task", "perplexity", "--file", empty).RequireError(1, empty, "expected two or more");
        ConsoleRun.Run("eval", model, "--task", "perplexity", "--file", _folder.At("missing")).RequireError(1, "missing");
        File.WriteAllText(empty, "some text");
        ConsoleRun.Run("eval", model, "--task", "perplexity", "--file", empty, "--window", "4096").RequireError(1, "4096", "512");
    }

    [Theory]
    [InlineData("--task", "nonsense", "--file", "x")]
    [InlineData("--file", "x")]
    [InlineData("--task", "perplexity")]
    [InlineData("--task", "file")]
    [InlineData("--task", "countdown", "--temperature", "-1")]
    [InlineData("--task", "perplexity", "--file", "x", "--window", "1")]
    [InlineData("--task", "perplexity", "--file", "x", "--precision", "f16")]
    public void Wrong_options_are_exit_code_2(params string[] options) =>
        ConsoleRun.Run(["eval", "model", .. options]).RequireError(2, "See 'hadal eval --help'.");

    private static double NatsPerByte(string model, string file, params string[] options)
    {
        HadalProcess run = ConsoleRun.Run(["eval", model, "--task", "perplexity", "--file", file, "--window", "256", "--json", .. options]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using JsonDocument json = JsonDocument.Parse(run.Output);
        return json.RootElement.GetProperty("nats_per_byte").GetDouble();
    }
}
