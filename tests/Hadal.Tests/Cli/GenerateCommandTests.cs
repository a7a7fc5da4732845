using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Tokenization;

namespace Hadal.Tests.Cli;

[Collection(ConsoleRun.Name)]
public sealed class GenerateCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void The_text_of_a_trained_model_is_the_one_that_its_author_printed()
    {
        string model = SharedData.Require("stories260K");
        HadalProcess run = ConsoleRun.Run("generate", model, "--prompt", "", "--temperature", "0", "--max-tokens", "200");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(File.ReadAllText(Path.Combine(model, "greedy.txt")).TrimEnd(), run.Output.TrimEnd());
    }

    [SkippableFact]
    public void Products_of_precision_BF16_draw_a_text_of_their_own()
    {
        string model = SharedData.Require("stories260K");
        string[] seeds = ["2", "4", "6", "7"];
        (string Exact, string Rounded)[] texts = [.. seeds.Select(seed => (Text(seed), Text(seed, "--precision", "BF16")))];

        // Where a draw falls beside a border between tokens, rounding has moved that border to its other side.
        Assert.Contains(texts, text => text.Exact != text.Rounded);
        Assert.All(texts, text => Assert.Equal(text.Exact[..10], text.Rounded[..10]));

        string Text(string seed, params string[] options)
        {
            HadalProcess run = ConsoleRun.Run(["generate", model, "--prompt", "", "--max-tokens", "400", "--seed", seed, .. options]);
            Assert.Equal((0, ""), (run.ExitCode, run.Error));
            return run.Output;
        }
    }

    [Fact]
    public void The_same_seed_prints_the_same_text_and_json_holds_what_is_streamed()
    {
        string model = Model();
        string[] arguments = ["generate", model, "--prompt", "The cat", "--max-tokens", "12", "--seed", "5"];
        string first = ConsoleRun.Run(arguments).Output, second = ConsoleRun.Run(arguments).Output;
        Assert.Equal(first, second);
        Assert.NotEqual(first, ConsoleRun.Run([.. arguments[..^1], "6"]).Output);

        using JsonDocument json = JsonDocument.Parse(ConsoleRun.Run([.. arguments, "--json"]).Output);
        Assert.Equal(first.TrimEnd('\n'), json.RootElement.GetProperty("completion").GetString());
        Assert.Equal(12, json.RootElement.GetProperty("tokens").GetInt32());
        Assert.Equal("length", json.RootElement.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public void Speculation_prints_the_same_text_and_says_how_it_went()
    {
        string model = Model();
        string[] arguments = ["generate", model, "--prompt", "The cat and the cat and the", "--max-tokens", "40", "--seed", "5"];
        string expected = ConsoleRun.Run(arguments).Output;
        foreach (string drafter in (string[])["lookup", model])
        {
            HadalProcess run = ConsoleRun.Run([.. arguments, "--speculate", drafter, "--draft-tokens", "3"]);
            Assert.Equal((0, expected), (run.ExitCode, run.Output));
            Assert.Contains("tokens drafted", run.Error, StringComparison.Ordinal);
        }

        // The model as its own draft model draws what it drafts.
        using JsonDocument json = JsonDocument.Parse(ConsoleRun.Run([.. arguments, "--speculate", model, "--json"]).Output);
        Assert.Equal(1, json.RootElement.GetProperty("speculation").GetProperty("acceptance_rate").GetDouble());
        Assert.InRange(json.RootElement.GetProperty("speculation").GetProperty("tokens_per_verification").GetDouble(), 3, 5);

        HadalProcess refused = ConsoleRun.Run([.. arguments, "--speculate", "mtp"]);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("multi-token-prediction", refused.Error, StringComparison.Ordinal);
        Assert.Equal(2, ConsoleRun.Run([.. arguments, "--draft-tokens", "3"]).ExitCode);
    }

    [Fact]
    public void A_file_of_prompts_gets_a_line_for_each_equal_to_the_prompt_alone()
    {
        string model = Model(), prompts = _folder.At("prompts.jsonl"), output = _folder.At("out.jsonl");
        File.WriteAllText(prompts, "\"Once upon a time\"\n{\"prompt\": \"Tim\", \"other\": 1}\n");
        HadalProcess run = ConsoleRun.Run("generate", model, "--prompts", prompts, "--out", output, "--max-tokens", "9", "--seed", "3", "--json");
        Assert.Equal(0, run.ExitCode);
        string[] lines = File.ReadAllLines(output);
        Assert.Equal(2, lines.Length);
        for (int i = 0; i < lines.Length; i++)
        {
            using JsonDocument line = JsonDocument.Parse(lines[i]);
            string prompt = i == 0 ? "Once upon a time" : "Tim";
            string alone = ConsoleRun.Run("generate", model, "--prompt", prompt, "--max-tokens", "9", "--seed", $"{3 + i}").Output;
            Assert.Equal(prompt, line.RootElement.GetProperty("prompt").GetString());
            Assert.Equal(alone[..^1], line.RootElement.GetProperty("completion").GetString());
        }
    }

    [Fact]
    public void A_line_without_a_prompt_is_named_and_nothing_is_written()
    {
        string prompts = _folder.At("prompts.jsonl"), output = _folder.At("out.jsonl");
        File.WriteAllText(prompts, "\"fine\"\n[1]\n");
        ConsoleRun.Run("generate", Model(), "--prompts", prompts, "--out", output).RequireError(1, prompts, "line 2");
        Assert.False(File.Exists(output));
    }

    [Fact]
    public void A_prompt_longer_than_the_context_and_a_model_without_tokenizer_are_named()
    {
        string model = Model();
        ConsoleRun.Run("generate", model, "--prompt", new string('x', 1000)).RequireError(1, "--prompt", "expected 1 to 63");
        File.Delete(Path.Combine(model, "tokenizer.json"));
        ConsoleRun.Run("generate", model, "--prompt", "x").RequireError(1, model, "tokenizer.json");
    }

    [Theory]
    [InlineData()]
    [InlineData("--prompt", "a", "--prompts", "b")]
    [InlineData("--prompts", "b")]
    [InlineData("--prompt", "a", "--top-p", "0")]
    [InlineData("--prompt", "a", "--temperature", "-1")]
    [InlineData("--prompt", "a", "--temperature", "NaN")]
    [InlineData("--prompt", "a", "--top-k", "-1")]
    [InlineData("--prompt", "a", "--max-tokens", "0")]
    public void Wrong_options_are_exit_code_2(params string[] options) =>
        ConsoleRun.Run(["generate", "model", .. options]).RequireError(2, "See 'hadal generate --help'.");

    // Random weights under a real vocabulary of 512 tokens.
    private string Model()
    {
        string config = TinyCheckpoints.Llama.Replace("\"vocab_size\":12", "\"vocab_size\":512", StringComparison.Ordinal)
            .Replace("\"max_position_embeddings\":32", "\"max_position_embeddings\":64", StringComparison.Ordinal)
            .Replace("\"eos_token_id\":1", "\"eos_token_id\":2", StringComparison.Ordinal);
        using Transformer model = TinyCheckpoints.Create(config);
        string folder = _folder.At("model");
        ModelWriter.Write(model, folder);
        foreach (string file in Directory.GetFiles(SharedData.Fixture("stories260K"))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return folder;
    }
}
