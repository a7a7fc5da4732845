using Hadal.Checkpoints;
using Hadal.Checkpoints.Gguf;
using Hadal.Checkpoints.Parity;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints.Gguf;

/// <summary>A GGUF file made of a reference model computes what the reference computed, whether its note is there or its keys alone.</summary>
public sealed class GgufGoldenTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData("llama-tiny", true)]
    [InlineData("qwen2-tiny", false)]
    [InlineData("v2-group", false)]
    [InlineData("v2-lite", false)]
    [InlineData("v2-lite-yarn", false)]
    [InlineData("v3-base", false)]
    [InlineData("v3-fp8", false)]
    [InlineData("v3-noqlora", false)]
    [InlineData("v3-yarn", false)]
    [InlineData("v3-yarn-mscale", false)]
    [InlineData("v3-mtp", false)]
    public void A_reference_model_agrees_in_every_saved_result(string name, bool onlyWithNote)
    {
        string folder = Goldens.Require(name), path = _folder.At("m.gguf");
        ModelConversion.ToGguf(folder, path, new GgufOptions { Type = GgmlType.F32, KeepModules = true });
        using WorkerPool workers = new(2);
        ParityOptions options = ParityCases.Options(folder) with { Gradients = null };
        ParityReport whole = ParityCheck.Run(folder, options, workers);
        RequireAgreement(whole, ParityCheck.Run(path, options, workers));
        if (onlyWithNote) return; // its original context is none that a reader could guess

        EditedGguf edited = EditedGguf.Read(path);
        edited.Keys.Remove("hadal.config");
        edited.Write(path);
        RequireAgreement(whole, ParityCheck.Run(path, options, workers));
    }

    [SkippableFact]
    public void A_reference_model_in_bf16_computes_the_bits_of_its_folder()
    {
        string folder = Goldens.Require("v3-bf16"), path = _folder.At("m.gguf");
        ModelConversion.ToGguf(folder, path);
        Assert.Contains(ModelReader.DescribeWeights(path)!, stored => stored.Type == "BF16");
        using WorkerPool workers = new(2);
        ParityOptions options = ParityCases.Options(folder);
        ParityReport expected = ParityCheck.Run(folder, options, workers), found = ParityCheck.Run(path, options, workers);
        Assert.NotEmpty(found.Rows);
        Assert.Equal(expected.Rows, found.Rows);
    }

    private static void RequireAgreement(ParityReport folder, ParityReport gguf)
    {
        Assert.NotEmpty(gguf.Rows);
        Assert.Equal(folder.Rows.Select(row => row.Name), gguf.Rows.Select(row => row.Name));
        Assert.All(gguf.Rows, row => Assert.True(row.Passed, row.ToString()));
    }
}
