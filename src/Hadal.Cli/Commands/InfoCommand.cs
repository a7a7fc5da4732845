using System.CommandLine;
using System.Globalization;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Cli.Commands;

/// <summary>`hadal info`: what a model is made of, or without a model what this machine offers and which kernels run on it.</summary>
internal static class InfoCommand
{
    private const int BFloat16Bytes = 2;

    public static Command Create()
    {
        Argument<string?> model = new("model") { Description = "Folder of a model or a .gguf file; without it the machine is described.", Arity = ArgumentArity.ZeroOrOne };
        Option<bool> json = JsonOutput.Option();
        Command command = new("info", "Describe a model, or this machine and the kernels chosen for it.") { model, json };
        command.SetAction(parsed => parsed.GetValue(model) is { } folder
            ? DescribeModel(folder, parsed.GetValue(json))
            : DescribeMachine(parsed.GetValue(json)));
        return command;
    }

    private static int DescribeMachine(bool json)
    {
        Processor processor = Processor.Detect();
        if (json)
        {
            JsonOutput.Write(new
            {
                processor.Name,
                processor.Cores,
                processor.MemoryBytes,
                processor.Features,
                processor.OtherFeatures,
                Kernels = KernelSelection.Current.ToString().ToLowerInvariant(),
                KernelSelection.VectorBits,
                GeneratedKernels = GeneratedKernels.Families,
            });
            return CommandLine.Ok;
        }

        Line("processor", $"{processor.Name}, {processor.Cores} cores");
        Line("memory", Gigabytes(processor.MemoryBytes));
        Line("features", processor.Features.Count > 0 ? string.Join(' ', processor.Features) : "none that kernels use");
        if (processor.OtherFeatures.Count > 0) Line("", $"{string.Join(' ', processor.OtherFeatures)}, which only generated code can use");
        Line("kernels", Kernels());
        foreach (string line in GeneratedLines(GeneratedKernels.Families)) Line("", line);
        return CommandLine.Ok;
    }

    private static string Kernels() => KernelSelection.Current switch
    {
        KernelKind.Reference => $"reference: scalar loops, as {KernelSelection.Variable} asks",
        KernelKind.Managed when Environment.GetEnvironmentVariable(KernelSelection.Variable) is "managed" => $"{Managed()}, as {KernelSelection.Variable} asks",
        KernelKind.Managed => Managed(),
        _ => $"generated at run time where below it says so, else {Managed()}",
    };

    private static string Managed() => $"managed SIMD, {KernelSelection.VectorBits}-bit vectors";

    /// <summary>A line for each family of generated kernels, but one for all that the same keeps away.</summary>
    internal static IEnumerable<string> GeneratedLines(IEnumerable<GeneratedKernelFamily> families) =>
        families.GroupBy(family => family.Obstacle ?? family.Name)
            .Select(group => Generated(group.First() with { Name = string.Join("; ", group.Select(family => family.Name)) }));

    private static string Generated(GeneratedKernelFamily family) => (family.Obstacle, KernelSelection.Current) switch
    {
        ({ } obstacle, _) => $"{family.Name}: not here, {obstacle}",
        (null, KernelKind.Generated) => $"{family.Name}: generated",
        _ => $"{family.Name}: could be generated, but {KernelSelection.Variable} asks for other kernels",
    };

    private static int DescribeModel(string folder, bool json)
    {
        using Transformer model = ModelReader.Describe(folder);
        ModelSize size = ModelSize.Of(model);
        IReadOnlyList<StoredTensors>? stored = ModelReader.DescribeWeights(folder);
        if (json) WriteJson(model, size, stored);
        else Print(model, size, stored);
        return CommandLine.Ok;
    }

    private static void Print(Transformer model, ModelSize size, IReadOnlyList<StoredTensors>? stored)
    {
        ModelConfig config = model.Config;
        Line("architecture", $"{config.Architecture} ({config.ModelType})");
        Line("layers", Layers(config));
        Line("width", $"hidden {config.HiddenSize:N0}, feed-forward {config.IntermediateSize:N0}, vocabulary {config.VocabSize:N0}");
        Line("attention", Attention(config));
        Line("context", $"{config.MaxPositionEmbeddings:N0} tokens, rotary {config.Rope.Kind.ToString().ToLowerInvariant()}");
        Line("parameters", $"{Count(size.Main)} in total, {Count(size.ActivePerToken)} active per token"
            + (size.Modules > 0 ? $"; {Count(size.Modules)} more in {model.Modules.Count} prediction module{(model.Modules.Count == 1 ? "" : "s")}" : ""));
        Line("cache", $"{Bytes(size.CacheElementsPerToken, BFloat16Bytes)} per token in BF16, {Bytes(size.CacheElementsPerToken, KvCache.StoredAs.SizeInBytes())} in {KvCache.StoredAs}");
        Line("", $"plain multi-head attention would need {Bytes(size.PlainCacheElementsPerToken, BFloat16Bytes)} in BF16: this is {Share(size)} of it");
        if (stored is null) Line("weights", "none in this folder");
        foreach (StoredTensors type in stored ?? []) Line("weights", $"{type.Type}: {type.Tensors:N0} tensors, {type.Elements:N0} elements, {Gigabytes(type.Bytes)}");
        if (config.OtherKeys.Count > 0) Line("not used", $"keys of config.json: {string.Join(", ", config.OtherKeys.Keys)}");
    }

    private static void WriteJson(Transformer model, ModelSize size, IReadOnlyList<StoredTensors>? stored)
    {
        ModelConfig config = model.Config;
        JsonOutput.Write(new
        {
            config.Architecture,
            config.ModelType,
            Layers = config.NumHiddenLayers,
            config.HiddenSize,
            config.VocabSize,
            config.MaxPositionEmbeddings,
            Parameters = size.Main,
            ParametersActivePerToken = size.ActivePerToken,
            ParametersOfPredictionModules = size.Modules,
            CacheElementsPerToken = size.CacheElementsPerToken,
            CacheBytesPerToken = size.CacheElementsPerToken * KvCache.StoredAs.SizeInBytes(),
            CacheBytesPerTokenBf16 = size.CacheElementsPerToken * BFloat16Bytes,
            PlainAttentionCacheBytesPerTokenBf16 = size.PlainCacheElementsPerToken * BFloat16Bytes,
            TensorsByType = stored,
            UnusedKeys = config.OtherKeys.Keys,
        });
    }

    private static string Layers(ModelConfig config)
    {
        if (config is not DeepSeekConfig { NRoutedExperts: > 0 } moe) return $"{config.NumHiddenLayers}, dense";
        int sparse = Enumerable.Range(0, moe.NumHiddenLayers).Count(moe.HasExperts);
        string groups = moe.Routing.Groups > 1 ? $" from {moe.Routing.TopGroups} of {moe.Routing.Groups} groups" : "";
        return $"{moe.NumHiddenLayers}, of which {sparse} with {moe.NRoutedExperts} routed experts (top {moe.Routing.TopK}{groups}) and {moe.NSharedExperts} shared";
    }

    private static string Attention(ModelConfig config) => config is DeepSeekConfig mla
        ? $"latent, {mla.NumAttentionHeads} heads, latent {mla.KvLoraRank} + rotary {mla.QkRopeHeadDim}, query rank {(mla.QLoraRank is { } rank ? rank : "full")}"
        : $"grouped-query, {config.NumAttentionHeads} heads on {config.NumKeyValueHeads} key heads of {((DenseConfig)config).HeadDim}";

    private static string Share(ModelSize size) =>
        ((double)size.CacheElementsPerToken / size.PlainCacheElementsPerToken).ToString("P2", CultureInfo.InvariantCulture);

    private static string Bytes(long elements, int size) => $"{elements * size:N0} bytes";

    private static string Gigabytes(long bytes) => bytes >= 1 << 30
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 30):F1} GiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):F1} MiB");

    private static string Count(long parameters) => parameters switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{parameters / 1e9:F2}B ({parameters:N0})"),
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{parameters / 1e6:F2}M ({parameters:N0})"),
        _ => $"{parameters:N0}",
    };

    private static void Line(string label, string text) => Console.Out.WriteLine($"{label,-13} {text}");
}
