using System.Text.Json;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Tokenization;

namespace Hadal.Tests.Cli;

/// <summary>`hadal convert`, and what the other verbs do with a .gguf file.</summary>
[Collection(ConsoleRun.Name)]
public sealed class ConvertCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_goes_to_GGUF_and_back_with_equal_weights()
    {
        (string model, string gguf, string back) = (ParityCases.Fixture("qwen2-tiny"), _folder.At("m.gguf"), _folder.At("back"));
        HadalProcess there = ConsoleRun.Run("convert", model, gguf, "--json");
        Assert.Equal(0, there.ExitCode);
        JsonElement report = JsonDocument.Parse(there.Output).RootElement;
        Assert.Equal(32, report.GetProperty("bits_per_weight").GetDouble());
        Assert.Contains("no_vocab", report.GetProperty("remarks")[0].GetString(), StringComparison.Ordinal);
        HadalProcess again = ConsoleRun.Run("convert", gguf, back);
        Assert.Equal(0, again.ExitCode);
        Assert.Contains("bits per weight", again.Output, StringComparison.Ordinal);
        Assert.Contains("no tokenizer", again.Error, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(Path.Combine(model, "model.safetensors")).Length, File.ReadAllBytes(Path.Combine(back, "model.safetensors")).Length);
        HadalProcess parity = ConsoleRun.Run("parity", back, Path.Combine(model, "expected.safetensors"), "--decode", Path.Combine(model, "decode.json"));
        Assert.Equal(0, parity.ExitCode);
        ConsoleRun.Run("convert", model, gguf).RequireError(1, gguf, "it is there already");
    }

    [Fact]
    public void Parity_and_info_take_a_GGUF_file()
    {
        (string model, string gguf) = (ParityCases.Fixture("v2-lite-yarn"), _folder.At("m.gguf"));
        Assert.Equal(0, ConsoleRun.Run("convert", model, gguf).ExitCode);
        HadalProcess parity = ConsoleRun.Run("parity", gguf, Path.Combine(model, "expected.safetensors"));
        Assert.Equal(0, parity.ExitCode);
        Assert.Contains("results agree", parity.Output, StringComparison.Ordinal);
        HadalProcess info = ConsoleRun.Run("info", gguf, "--json");
        Assert.Equal("deepseek_v2", JsonDocument.Parse(info.Output).RootElement.GetProperty("model_type").GetString());
    }

    [Fact]
    public void Quantising_prints_bytes_and_bits_and_the_file_still_computes_nearly_the_same()
    {
        (string model, string gguf) = (ParityCases.Fixture("qwen2-tiny"), _folder.At("m.gguf"));
        HadalProcess run = ConsoleRun.Run("quantize", model, "--type", "q8_0", "--output", gguf, "--json");
        Assert.Equal(0, run.ExitCode);
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.InRange(report.GetProperty("bits_per_weight").GetDouble(), 8.5, 12);
        Assert.True(report.GetProperty("bytes_before").GetInt64() > 3 * report.GetProperty("bytes_after").GetInt64());
        Assert.Equal(0, ConsoleRun.Run("parity", gguf, Path.Combine(model, "expected.safetensors"), "--tolerance", "1").ExitCode);
        Assert.Equal(1, ConsoleRun.Run("parity", gguf, Path.Combine(model, "expected.safetensors"), "--tolerance", "1e-7").ExitCode);
    }

    [Fact]
    public void Quantising_to_F8_writes_the_released_layout_into_a_folder()
    {
        string f8 = _folder.At("f8");
        HadalProcess run = ConsoleRun.Run("quantize", ParityCases.Fixture("v3-mtp"), "--type", "F8", "--output", f8);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("F8E4M3", run.Output, StringComparison.Ordinal);
        Assert.Contains("weight_block_size", File.ReadAllText(Path.Combine(f8, "config.json")), StringComparison.Ordinal);
        Assert.Equal(0, ConsoleRun.Run("info", f8).ExitCode);
    }

    [SkippableFact]
    public void Text_that_a_GGUF_file_continues_is_that_of_its_folder()
    {
        string model = SharedData.Require("stories260K"), gguf = _folder.At("m.gguf"), back = _folder.At("back");
        Assert.Equal(0, ConsoleRun.Run("convert", model, gguf).ExitCode);
        Assert.Equal(0, ConsoleRun.Run("convert", gguf, back).ExitCode);
        string[] rest = ["--prompt", "Once upon a time", "--max-tokens", "60"];
        string expected = ConsoleRun.Run(["generate", model, .. rest]).Output;
        Assert.True(expected.Length > 40);
        Assert.Equal(expected, ConsoleRun.Run(["generate", gguf, .. rest]).Output);
        Assert.Equal(expected, ConsoleRun.Run(["generate", back, .. rest]).Output);
    }

    [Theory]
    [InlineData("convert", "model")]
    [InlineData("convert", "model", "")]
    [InlineData("convert", "model", "out.gguf", "--type", "Q9")]
    [InlineData("convert", "model", "out", "--type", "Q8_0")]
    [InlineData("quantize", "model", "--type", "Q8_0")]
    [InlineData("quantize", "model", "--type", "Q8_0", "--output", "folder")]
    [InlineData("quantize", "model", "--type", "F8", "--output", "m.gguf")]
    [InlineData("quantize", "model", "--type", "Q3_K", "--output", "m.gguf")]
    public void A_wrong_call_is_exit_code_2_and_one_line(params string[] arguments) => ConsoleRun.Run(arguments).RequireError(2, "--help'.");

    [Fact]
    public void A_model_that_is_not_there_is_named() =>
        ConsoleRun.Run("convert", _folder.At("nowhere"), _folder.At("m.gguf")).RequireError(1, "nowhere");

    [Fact]
    public void An_existing_folder_is_left_alone()
    {
        string there = _folder.Copy(ParityCases.Fixture("qwen2-tiny"), "there");
        Dictionary<string, string> before = TemporaryFolder.Snapshot(there);
        ConsoleRun.Run("convert", ParityCases.Fixture("qwen2-tiny"), there).RequireError(1, there, "it is there already");
        Assert.Equal(before, TemporaryFolder.Snapshot(there));
    }
}
