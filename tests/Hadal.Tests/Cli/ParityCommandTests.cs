using System.Text.Json;
using Hadal.Numerics;
using Hadal.Tests.Checkpoints;

namespace Hadal.Tests.Cli;

/// <summary>`hadal parity` as a user calls it: exit codes, text, JSON.</summary>
[Collection(ConsoleRun.Name)]
public sealed class ParityCommandTests : IDisposable
{
    private static readonly string s_model = ParityCases.Fixture("qwen2-tiny");
    private static readonly string[] s_everything =
        ["parity", s_model, In("expected.safetensors"), "--grads", In("grads.safetensors"), "--decode", In("decode.json")];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Agreement_is_exit_code_0_and_every_row_one_unbroken_line()
    {
        HadalProcess run = HadalProcess.Run(s_everything);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        string[] lines = run.Output.Split('\n', StringSplitOptions.TrimEntries);
        string[] names =
        [
            "logits", "final_norm", "hidden_states.3", "layers.2.self_attn_output", "loss", "grad model.layers.0.post_attention_layernorm.weight",
            .. ParityCases.DecodeRows,
        ];
        foreach (string name in names)
        {
            string line = Assert.Single(lines, line => line.StartsWith(name + "  ", StringComparison.Ordinal));
            Assert.EndsWith("ok", line, StringComparison.Ordinal);
        }

        // A file has no colours, and nothing is cut short.
        Assert.DoesNotContain('\u001b', run.Output);
        Assert.DoesNotContain('…', run.Output);
        Assert.Contains(lines, line => line.StartsWith("All ", StringComparison.Ordinal) && line.EndsWith(" results agree.", StringComparison.Ordinal));
    }

    [Fact]
    public void Json_is_the_last_line_and_has_the_fields()
    {
        HadalProcess run = HadalProcess.Run([.. s_everything, "--json"]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using JsonDocument json = JsonDocument.Parse(run.Output.TrimEnd('\n').Split('\n')[^1]);
        JsonElement root = json.RootElement;
        Assert.True(root.GetProperty("passed").GetBoolean());
        Assert.Equal(0, root.GetProperty("not_compared").GetArrayLength());
        JsonElement logits = Row(root, "logits");
        Assert.Equal("max abs", logits.GetProperty("measure").GetString());
        Assert.InRange(logits.GetProperty("found").GetDouble(), 0, 1e-4);
        Assert.Equal(1e-4, logits.GetProperty("bound").GetDouble());
        Assert.InRange(logits.GetProperty("max_absolute").GetDouble(), 0, 1e-4);
        Assert.InRange(logits.GetProperty("max_relative").GetDouble(), 0, 1e-4);
        Assert.Equal(1, logits.GetProperty("arg_max_agreement").GetDouble());
        Assert.True(logits.GetProperty("passed").GetBoolean());
        Assert.False(Row(root, "final_norm").TryGetProperty("arg_max_agreement", out _));
        Assert.Equal(0, Row(root, "decode, cached token by token").GetProperty("found").GetDouble());
    }

    [Fact]
    public void Disagreement_is_exit_code_1_and_names_the_row()
    {
        string model = Copy();
        EditedTensors.SetFloat(Path.Combine(model, "expected.safetensors"), "hidden_states.2", 9, value => value + 0.1f);
        HadalProcess text = ConsoleRun.Run("parity", model, Path.Combine(model, "expected.safetensors"));
        Assert.Equal((1, ""), (text.ExitCode, text.Error));
        string line = Assert.Single(text.Output.Split('\n'), line => line.Contains("FAILED", StringComparison.Ordinal));
        Assert.Contains("hidden_states.2", line, StringComparison.Ordinal);
        Assert.Contains("1 of 9 results differ by more than the bound.", text.Output, StringComparison.Ordinal);

        HadalProcess json = ConsoleRun.Run("parity", model, Path.Combine(model, "expected.safetensors"), "--json");
        Assert.Equal((1, ""), (json.ExitCode, json.Error));
        using JsonDocument document = JsonDocument.Parse(json.Output.TrimEnd('\n'));
        Assert.False(document.RootElement.GetProperty("passed").GetBoolean());
        Assert.False(Row(document.RootElement, "hidden_states.2").GetProperty("passed").GetBoolean());
        Assert.True(Row(document.RootElement, "logits").GetProperty("passed").GetBoolean());
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_saved_result_that_is_no_number_fails_and_is_still_json(float value)
    {
        string model = Copy();
        EditedTensors.SetFloat(Path.Combine(model, "expected.safetensors"), "final_norm", 0, _ => value);
        HadalProcess run = ConsoleRun.Run("parity", model, Path.Combine(model, "expected.safetensors"), "--json");
        Assert.Equal((1, ""), (run.ExitCode, run.Error));
        using JsonDocument document = JsonDocument.Parse(run.Output.TrimEnd('\n'));
        Assert.False(Row(document.RootElement, "final_norm").GetProperty("passed").GetBoolean());
        Assert.Equal(1, ConsoleRun.Run("parity", model, Path.Combine(model, "expected.safetensors")).ExitCode);
    }

    [Fact]
    public void A_changed_weight_is_exit_code_1()
    {
        string model = Copy();
        EditedTensors.SetFloat(Path.Combine(model, "model.safetensors"), "model.layers.0.self_attn.q_proj.weight", 0, value => value + 0.5f);
        HadalProcess run = ConsoleRun.Run("parity", model, In("expected.safetensors"));
        Assert.Equal(1, run.ExitCode);
        Assert.Matches(@"logits .*FAILED", run.Output);
        Assert.Matches(@"hidden_states\.0 .*ok", run.Output);
    }

    [Fact]
    public void The_tolerance_is_the_users()
    {
        string expected = In("expected.safetensors");
        Assert.Equal(1, ConsoleRun.Run("parity", s_model, expected, "--tolerance", "1e-9").ExitCode);
        string model = Copy(), changed = Path.Combine(model, "expected.safetensors");
        EditedTensors.SetFloat(changed, "logits", 0, value => value + 0.01f);
        Assert.Equal(1, ConsoleRun.Run("parity", model, changed).ExitCode);
        Assert.Equal(0, ConsoleRun.Run("parity", model, changed, "--tolerance", "0.02").ExitCode);
        Assert.Equal(1, ConsoleRun.Run("parity", s_model, expected, "--grads", In("grads.safetensors"), "--grads-tolerance", "1e-12").ExitCode);
    }

    [Theory]
    [InlineData("expanded")]
    [InlineData("Absorbed")]
    public void Both_forms_of_latent_attention_agree(string form)
    {
        string model = ParityCases.Fixture("v3-mtp");
        HadalProcess run = ConsoleRun.Run("parity", model, Path.Combine(model, "expected.safetensors"), "--mla", form);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("mtp.logits", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Reference_kernels_agree_too()
    {
        string model = ParityCases.Fixture("v3-mtp");
        string expected = Path.Combine(model, "expected.safetensors"), gradients = Path.Combine(model, "grads.safetensors");
        HadalProcess run = HadalProcess.Run([("HADAL_KERNELS", "reference")], "parity", model, expected, "--grads", gradients);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
    }

    [Fact]
    public void Names_from_a_file_cannot_command_the_terminal()
    {
        string model = Copy(), expected = Path.Combine(model, "expected.safetensors");
        EditedTensors.Change(expected, edited => edited.Replace("\u001b[2J\nlogits [red]", ElementType.F32, 1));
        HadalProcess run = ConsoleRun.Run("parity", model, expected);
        Assert.Equal(0, run.ExitCode);
        Assert.DoesNotContain('\u001b', run.Output);
        Assert.Contains(@"Not compared: \u001b[2J\u000alogits [red].", run.Output, StringComparison.Ordinal);
    }

    private static string In(string file) => Path.Combine(s_model, file);

    private string Copy() => _folder.Copy(s_model, "model");

    private static JsonElement Row(JsonElement root, string name) =>
        root.GetProperty("rows").EnumerateArray().Single(row => row.GetProperty("name").GetString() == name);
}
