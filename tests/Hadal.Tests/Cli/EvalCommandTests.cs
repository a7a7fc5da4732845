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
    [InlineData("--task", "perplexity", "--file", "x", "--window", "1")]
    public void Wrong_options_are_exit_code_2(params string[] options) =>
        ConsoleRun.Run(["eval", "model", .. options]).RequireError(2, "See 'hadal eval --help'.");

    private static double NatsPerByte(string model, string file)
    {
        HadalProcess run = ConsoleRun.Run("eval", model, "--task", "perplexity", "--file", file, "--window", "256", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using JsonDocument json = JsonDocument.Parse(run.Output);
        return json.RootElement.GetProperty("nats_per_byte").GetDouble();
    }
}
