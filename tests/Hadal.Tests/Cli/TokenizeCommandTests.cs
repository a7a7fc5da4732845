using Hadal.Cli;
using Hadal.Tests.Tokenization;

namespace Hadal.Tests.Cli;

/// <summary>Exit codes of the command: its sentences go to the console, which tests of other classes use as well.</summary>
[Collection(ConsoleRun.Name)]
public sealed class TokenizeCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hadal-tokenize-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("\"a\"\n\"b\"\n", CommandLine.Ok)]
    [InlineData("\"a\"\n{}\n", CommandLine.Failed)]
    [InlineData("\"\\ud800\"\n", CommandLine.Failed)]
    [InlineData("null\n", CommandLine.Failed)]
    public void Lines_must_be_JSON_strings(string lines, int expected)
    {
        string file = Path.Combine(_folder, "lines.jsonl");
        File.WriteAllText(file, lines);
        Assert.Equal(expected, CommandLine.Run(["tokenize", SharedData.Fixture("stories260K"), "--jsonl", file]));
    }

    [Fact]
    public void Wrong_calls_are_bad_usage()
    {
        Assert.Equal(CommandLine.BadUsage, CommandLine.Run(["tokenize"]));
        Assert.Equal(CommandLine.BadUsage, CommandLine.Run(["tokenize", "model"]));
        Assert.Equal(CommandLine.BadUsage, CommandLine.Run(["tokenize", "train", "--input", "x"]));
        string corpus = SharedData.Fixture("bpe-cs336/corpus.en");
        Assert.Equal(CommandLine.BadUsage, CommandLine.Run(["tokenize", "train", "--input", corpus, "--vocab-size", "3", "--output", _folder]));
        Assert.Equal(CommandLine.Failed, CommandLine.Run(["tokenize", _folder, "--file", corpus]));
    }

    [Fact]
    public void What_train_writes_is_a_model_for_tokenize()
    {
        string corpus = SharedData.Fixture("bpe-cs336/corpus.en"), output = Path.Combine(_folder, "made");
        Assert.Equal(CommandLine.Ok, CommandLine.Run(["tokenize", "train", "--input", corpus, "--vocab-size", "300", "--output", output, "--json"]));
        Assert.Equal(CommandLine.Ok, CommandLine.Run(["tokenize", output, "--file", corpus, "--json"]));
    }
}
