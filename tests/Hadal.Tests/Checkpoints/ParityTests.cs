using Hadal.Checkpoints;
using Hadal.Checkpoints.Parity;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints;

/// <summary>The comparison itself, on cases of the repository: what it compares, what it lets pass, and what it must not.</summary>
public sealed class ParityTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly WorkerPool _workers = new(2);

    public void Dispose()
    {
        _workers.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("v3-mtp", MlaForm.Expanded)]
    [InlineData("v3-mtp", MlaForm.Absorbed)]
    [InlineData("v2-lite-yarn", MlaForm.Expanded)]
    [InlineData("v2-lite-yarn", MlaForm.Absorbed)]
    [InlineData("qwen2-tiny", MlaForm.Expanded)]
    public void A_case_of_the_repository_agrees_in_every_saved_result(string name, MlaForm form)
    {
        string folder = ParityCases.Fixture(name);
        ParityOptions options = ParityCases.Options(folder, form);
        ParityReport report = ParityCheck.Run(folder, options, _workers);
        string[] expected =
        [
            .. ParityCases.ForwardRows(ModelConfig.Read(Path.Combine(folder, "config.json"))),
            .. options.Gradients is null ? [] : ParityCases.GradientRows(options.Gradients),
            .. options.Decode is null ? [] : ParityCases.DecodeRows,
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), report.Rows.Select(row => row.Name).Order(StringComparer.Ordinal));
        Assert.Empty(report.NotCompared);
        Assert.All(report.Rows, row => Assert.True(row.Passed, row.ToString()));
    }

    [Theory]
    [InlineData("logits", 1.5e-4f)]
    [InlineData("mtp.logits", -1.5e-4f)]
    [InlineData("hidden_states.0", 0.01f)]
    [InlineData("hidden_states.3", 0.01f)]
    [InlineData("final_norm", 0.01f)]
    [InlineData("layers.1.self_attn_output", 0.01f)]
    [InlineData("layers.2.topk_weights", 0.01f)]
    [InlineData("logits", float.NaN)]
    [InlineData("logits", float.PositiveInfinity)]
    [InlineData("hidden_states.1", float.NaN)]
    [InlineData("hidden_states.1", float.NegativeInfinity)]
    [InlineData("layers.2.topk_weights", float.PositiveInfinity)]
    [InlineData("mtp.hidden", float.PositiveInfinity)]
    public void One_wrong_number_fails_its_row_and_no_other(string tensor, float difference)
    {
        string model = _folder.Copy(ParityCases.Fixture("v3-mtp"), "model");
        EditedTensors.SetFloat(Path.Combine(model, "expected.safetensors"), tensor, 77, value => value + difference);
        RequireFailure(model, tensor);
    }

    [Fact]
    public void A_number_within_the_tolerance_passes()
    {
        string model = _folder.Copy(ParityCases.Fixture("v3-mtp"), "model");
        EditedTensors.SetFloat(Path.Combine(model, "expected.safetensors"), "logits", 77, value => value + 5e-5f);
        Assert.True(ParityCheck.Run(model, ParityCases.Options(model), _workers).Passed);
    }

    [Theory]
    [InlineData("loss", 0.01f)]
    [InlineData("model.layers.3.eh_proj.weight", 0.1f)]
    [InlineData("model.layers.2.mlp.experts.7.down_proj.weight", 0.1f)]
    [InlineData("lm_head.weight", float.NaN)]
    [InlineData("model.norm.weight", float.PositiveInfinity)]
    public void One_wrong_gradient_fails_its_row_and_no_other(string tensor, float difference)
    {
        string model = _folder.Copy(ParityCases.Fixture("v3-mtp"), "model");
        EditedTensors.SetFloat(Path.Combine(model, "grads.safetensors"), tensor, 0, value => value + difference);
        RequireFailure(model, tensor == "loss" ? tensor : $"grad {tensor}");
    }

    [Theory]
    [InlineData(99)]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public void One_wrong_expert_fails_the_set_and_its_weight(long expert)
    {
        string model = _folder.Copy(ParityCases.Fixture("v3-mtp"), "model");
        EditedTensors.SetInteger(Path.Combine(model, "expected.safetensors"), "layers.2.topk_indices", 5, expert);
        RequireFailure(model, "layers.2.topk_indices", "layers.2.topk_weights");
    }

    [Fact]
    public void The_order_of_a_tokens_experts_is_the_implementations_own()
    {
        string model = _folder.Copy(ParityCases.Fixture("v3-mtp"), "model");
        EditedTensors.Change(Path.Combine(model, "expected.safetensors"), edited =>
        {
            Swap(edited.Tensors["layers.1.topk_indices"].Bytes, 0, 24, sizeof(long));
            Swap(edited.Tensors["layers.1.topk_weights"].Bytes, 0, 12, sizeof(float));
        });
        Assert.True(ParityCheck.Run(model, ParityCases.Options(model), _workers).Passed);

        static void Swap(byte[] bytes, int one, int other, int length)
        {
            byte[] kept = bytes[one..(one + length)];
            bytes.AsSpan(other, length).CopyTo(bytes.AsSpan(one));
            kept.CopyTo(bytes, other);
        }
    }

    [Fact]
    public void One_wrong_id_fails_both_continuations_by_one()
    {
        string model = _folder.Copy(ParityCases.Fixture("qwen2-tiny"), "model");
        string decode = Path.Combine(model, "decode.json");
        (int[] prompt, int[] ids) = ReadDecode(decode);
        ids[^1] = (ids[^1] + 1) % 320;
        WriteDecode(decode, prompt, ids);
        ParityReport report = RequireFailure(model, [.. ParityCases.DecodeRows]);
        Assert.All(report.Rows.TakeLast(2), row => Assert.Equal(1, row.Found));
    }

    [Fact]
    public void One_changed_weight_fails_what_is_computed_from_it_and_nothing_before()
    {
        string model = _folder.Copy(ParityCases.Fixture("qwen2-tiny"), "model");
        EditedTensors.SetFloat(Path.Combine(model, "model.safetensors"), "model.norm.weight", 0, value => value + 0.05f);
        File.Delete(Path.Combine(model, "grads.safetensors"));
        RequireFailure(model, "final_norm", "logits");
    }

    [Fact]
    public void A_weight_that_is_not_a_number_fails_logits_and_continuations()
    {
        string model = _folder.Copy(ParityCases.Fixture("qwen2-tiny"), "model");
        EditedTensors.SetFloat(Path.Combine(model, "model.safetensors"), "model.norm.weight", 0, _ => float.NaN);
        File.Delete(Path.Combine(model, "grads.safetensors"));

        // Scores that are not numbers have no best token, so they agree with no continuation; id 0 is what a careless arg-max would say.
        string decode = Path.Combine(model, "decode.json");
        WriteDecode(decode, ReadDecode(decode).Prompt, new int[16]);
        ParityReport report = RequireFailure(model, ["final_norm", "logits", .. ParityCases.DecodeRows]);
        Assert.All(report.Rows.TakeLast(2), row => Assert.Equal(16, row.Found));
        Assert.Equal(0, report.Rows.Single(row => row.Name == "logits").ArgMaxAgreement);
    }

    [Fact]
    public void A_file_with_nothing_to_compare_does_not_pass()
    {
        string model = _folder.Copy(ParityCases.Fixture("qwen2-tiny"), "model");
        EditedTensors.Change(Path.Combine(model, "expected.safetensors"), edited =>
        {
            foreach (string name in edited.Tensors.Keys.Where(name => name != "input_ids")) edited.Tensors.Remove(name);
        });
        ParityOptions options = ParityCases.Options(model);
        ParityReport report = ParityCheck.Run(model, options with { Gradients = null, Decode = null }, _workers);
        Assert.Empty(report.Rows);
        Assert.False(report.Passed);
        Assert.True(ParityCheck.Run(model, options, _workers).Passed);
    }

    [Fact]
    public void Gradients_of_another_model_do_not_pass()
    {
        string model = _folder.Copy(ParityCases.Fixture("qwen2-tiny"), "model");
        string gradients = Path.Combine(model, "grads.safetensors");
        EditedTensors.Change(gradients, edited =>
        {
            foreach (string name in edited.Tensors.Keys.ToArray())
            {
                edited.Tensors.Add("other." + name, edited.Tensors[name]);
                edited.Tensors.Remove(name);
            }
        });
        RequireSentence(model, gradients, "no tensor in it is the gradient of a parameter");
    }

    [Fact]
    public void What_this_model_has_no_counterpart_for_is_reported_and_does_not_fail()
    {
        string model = _folder.Copy(ParityCases.Fixture("qwen2-tiny"), "model");
        EditedTensors.Change(Path.Combine(model, "expected.safetensors"), edited => edited.Replace("hidden_states.99", ElementType.F32, 2));
        ParityReport report = ParityCheck.Run(model, ParityCases.Options(model), _workers);
        Assert.Equal(["hidden_states.99"], report.NotCompared);
        Assert.True(report.Passed);
    }

    [Theory]
    [InlineData("input_ids", ElementType.I64, new long[] { 2, 1 }, "input_ids has sequences of 1 tokens, expected more than the model's 1")]
    [InlineData("input_ids", ElementType.I64, new long[] { 24 }, "is expected as [sequences, tokens]")]
    [InlineData("input_ids", ElementType.I64, new long[] { 2, 0 }, "is expected as [sequences, tokens]")]
    [InlineData("input_ids", ElementType.F32, new long[] { 2, 24 }, "is expected as I64")]
    [InlineData("logits", ElementType.F32, new long[] { 2, 24, 319 }, "has 15312 elements, expected 15360")]
    [InlineData("logits", ElementType.I64, new long[] { 2, 24, 320 }, "expected a float type")]
    [InlineData("layers.1.topk_indices", ElementType.F32, new long[] { 2, 24, 4 }, "is expected as I64")]
    [InlineData("layers.1.topk_indices", ElementType.I64, new long[] { 2, 24, 3 }, "has 144 elements, expected 192")]
    public void A_saved_result_of_another_kind_is_refused_by_name(string tensor, ElementType type, long[] shape, string problem)
    {
        string model = _folder.Copy(ParityCases.Fixture("v3-mtp"), "model");
        string expected = Path.Combine(model, "expected.safetensors");
        EditedTensors.Change(expected, edited =>
        {
            // With fewer tokens nothing saved of the main model would fit: only the module's results stay.
            string[] others = [.. edited.Tensors.Keys.Where(name => shape is [2, 1] && !name.StartsWith("mtp", StringComparison.Ordinal))];
            foreach (string name in others) edited.Tensors.Remove(name);
            edited.Replace(tensor, type, shape);
        });
        RequireSentence(model, expected, problem);
    }

    [Fact]
    public void Saved_ids_beyond_the_vocabulary_are_refused_by_place()
    {
        string model = _folder.Copy(ParityCases.Fixture("v3-mtp"), "model");
        string expected = Path.Combine(model, "expected.safetensors");
        EditedTensors.SetInteger(expected, "input_ids", 7, 320);
        RequireSentence(model, expected, "input_ids has 320 at 7, expected ids below vocab_size, 320");
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{\"prompt\":[1]}")]
    [InlineData("{\"prompt\":[],\"continuation\":[1]}")]
    [InlineData("{\"prompt\":[1],\"continuation\":[1.5]}")]
    [InlineData("{\"prompt\":[1],\"continuation\":[320]}")]
    [InlineData("{\"prompt\":[-1],\"continuation\":[1]}")]
    [InlineData("{\"prompt\":\"one\",\"continuation\":[1]}")]
    [InlineData("not JSON")]
    [InlineData("")]
    public void A_continuation_of_another_kind_is_refused(string json)
    {
        string model = _folder.Copy(ParityCases.Fixture("qwen2-tiny"), "model");
        string decode = Path.Combine(model, "decode.json");
        File.WriteAllText(decode, json);
        RequireSentence(model, decode, "expected");
    }

    private ParityReport RequireFailure(string model, params string[] rows)
    {
        ParityReport report = ParityCheck.Run(model, ParityCases.Options(model), _workers);
        Assert.False(report.Passed);
        string[] failed = [.. report.Rows.Where(row => !row.Passed).Select(row => row.Name)];
        Assert.Equal(rows.Order(StringComparer.Ordinal), failed.Order(StringComparer.Ordinal));
        return report;
    }

    private void RequireSentence(string model, string path, string problem)
    {
        CheckpointException e = Assert.Throws<CheckpointException>(() => ParityCheck.Run(model, ParityCases.Options(model), _workers));
        Assert.StartsWith(path + ": ", e.Message, StringComparison.Ordinal);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    private static (int[] Prompt, int[] Ids) ReadDecode(string path)
    {
        using System.Text.Json.JsonDocument document = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(path));
        return (Ids("prompt"), Ids("continuation"));

        int[] Ids(string name) => [.. document.RootElement.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
    }

    private static void WriteDecode(string path, int[] prompt, int[] ids) =>
        File.WriteAllText(path, $$"""{"prompt":[{{string.Join(",", prompt)}}],"continuation":[{{string.Join(",", ids)}}]}""");
}
