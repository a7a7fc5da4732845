using Hadal.Checkpoints;
using Hadal.Checkpoints.Parity;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints;

/// <summary>Every reference model computes here what its reference implementation computed.</summary>
public sealed class GoldenParityTests
{
    private static readonly string[] s_names =
    [
        "llama-tiny", "qwen2-tiny", "v2-group", "v2-lite", "v2-lite-yarn", "v3-base", "v3-bf16", "v3-fp8", "v3-mtp", "v3-noqlora", "v3-yarn",
        "v3-yarn-mscale",
    ];

    // Results that the reference saved of other variants of the same model.
    private static readonly string[] s_variants =
        ["logits_bf16_compute", "logits_bf16_dequant", "mtp.logits_prenorm_hidden", "mtp.logits_vllm_mask_pos0"];

    public static TheoryData<string, MlaForm> Cases
    {
        get
        {
            TheoryData<string, MlaForm> cases = [];
            foreach (string name in s_names)
            {
                cases.Add(name, MlaForm.Expanded);
                if (name.StartsWith('v')) cases.Add(name, MlaForm.Absorbed);
            }

            return cases;
        }
    }

    [SkippableFact]
    public void No_reference_model_is_left_out()
    {
        IEnumerable<string> there = Directory.GetDirectories(Goldens.Require(""))
            .Where(folder => File.Exists(Path.Combine(folder, "model.safetensors")));
        Assert.Equal(s_names, there.Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void A_reference_model_agrees_in_every_saved_result(string name, MlaForm form)
    {
        string folder = Goldens.Require(name);
        ParityOptions options = ParityCases.Options(folder, form);

        // Gradients and continuations have their own form of attention: once is enough.
        if (form == MlaForm.Absorbed) options = options with { Gradients = null, Decode = null };
        using WorkerPool workers = new(2);
        ParityReport report = ParityCheck.Run(folder, options, workers);

        string[] expected =
        [
            .. ParityCases.ForwardRows(ModelConfig.Read(Path.Combine(folder, "config.json"))),
            .. options.Gradients is null ? [] : ParityCases.AllGradientRows(folder),
            .. options.Decode is null ? [] : ParityCases.DecodeRows,
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), report.Rows.Select(row => row.Name).Order(StringComparer.Ordinal));
        Assert.Subset(s_variants.ToHashSet(), report.NotCompared.ToHashSet());
        Assert.All(report.Rows, row => Assert.True(row.Passed, row.ToString()));
        Assert.True(report.Passed);
        Assert.Equal(1, report.Rows.Single(row => row.Name == "logits").ArgMaxAgreement);
    }

    [SkippableTheory]
    [InlineData("v3-base", true, true)]
    [InlineData("v3-mtp", true, false)]
    [InlineData("v2-lite", true, false)]
    [InlineData("v2-group", false, true)]
    [InlineData("v3-yarn", false, true)]
    [InlineData("qwen2-tiny", true, true)]
    [InlineData("llama-tiny", true, true)]
    public void Gradients_and_continuations_are_where_the_comparison_looks_for_them(string name, bool gradients, bool decode)
    {
        ParityOptions options = ParityCases.Options(Goldens.Require(name));
        Assert.Equal((gradients, decode), (options.Gradients is not null, options.Decode is not null));
    }

    [SkippableFact]
    public void Stories260K_continues_with_the_two_hundred_ids_of_its_own_program()
    {
        string folder = Path.Combine(Goldens.Require(""), "..", "data", "stories260K");
        Skip.IfNot(Directory.Exists(folder), $"no {folder}");
        using WorkerPool workers = new(2);
        string greedy = Path.Combine(folder, "greedy.json");
        ParityReport report = ParityCheck.Run(folder, new ParityOptions { Decode = greedy }, workers);

        using System.Text.Json.JsonDocument saved = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(greedy));
        Assert.Equal(200, saved.RootElement.GetProperty("greedy_ids").GetArrayLength());
        Assert.Equal(ParityCases.DecodeRows, report.Rows.Select(row => row.Name));
        Assert.All(report.Rows, row => Assert.Equal((0, 0), (row.Found, row.Bound)));
        Assert.True(report.Passed);
    }
}
