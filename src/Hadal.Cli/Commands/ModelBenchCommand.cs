using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using Hadal.Checkpoints;
using Hadal.Cli.Bench;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Cli.Commands;

/// <summary>`hadal bench decode` and `hadal bench prefill`: a model's speed beside the ceilings of this machine, both measured in one run.</summary>
internal sealed class ModelBenchCommand
{
    private static readonly Dictionary<string, ElementType> s_types = new(StringComparer.OrdinalIgnoreCase)
    {
        ["F32"] = ElementType.F32,
        ["BF16"] = ElementType.BF16,
        ["F8"] = ElementType.F8Scaled,
        ["Q8_0"] = ElementType.Q8_0,
        ["Q4_0"] = ElementType.Q4_0,
        ["Q4_K"] = ElementType.Q4_K,
        ["Q6_K"] = ElementType.Q6_K,
    };

    private static readonly Dictionary<string, ElementType> s_cacheTypes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["F32"] = ElementType.F32,
        ["BF16"] = ElementType.BF16,
        ["F8"] = ElementType.F8E4M3,
    };

    private readonly Argument<string?> _model = new("model") { Description = "Folder of the model.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _shape = new("--shape") { Description = $"Random weights of a shape instead of a model: {string.Join(", ", BenchModels.Shapes)}." };
    private readonly Option<string?> _type = new("--type") { Description = "How matrices are held; by default as the model has them, and F32 for a shape." };
    private readonly Option<string?> _cache = new("--cache") { Description = "How the cache is held; by default as 'serve' does." };
    private readonly Option<ProductPrecision?> _precision = PrecisionOption.Create();
    private readonly Option<string> _contexts;
    private readonly Option<int> _rounds;
    private readonly Option<int> _threads;
    private readonly Option<bool> _json;

    private ModelBenchCommand(string contexts, int leastContext, Option<int> rounds, Option<int> threads, Option<bool> json)
    {
        _contexts = Numbers("--context", "Tokens before those measured, several with commas.", contexts, leastContext);
        (_rounds, _threads, _json) = (rounds, threads, json);
        _shape.AcceptOnlyFromAmong(BenchModels.Shapes);
        _type.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, [.. s_types.Keys]);
        _cache.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, [.. s_cacheTypes.Keys]);
    }

    public static Command CreateDecode(Option<int> rounds, Option<int> threads, Option<bool> json)
    {
        ModelBenchCommand options = new("128,4096", leastContext: 1, rounds, threads, json);
        Option<string> batches = Numbers("--batch", "Sequences side by side, several with commas.", "1,4,16", least: 1);
        Command command = options.Build("decode", "Measure decoding: tokens a second, and the bytes moved beside the memory's speed.");
        command.Options.Add(batches);
        command.SetAction(parsed => options.RunDecode(parsed, Parse(parsed.GetRequiredValue(batches), 1)!));
        return command;
    }

    public static Command CreatePrefill(Option<int> rounds, Option<int> threads, Option<bool> json)
    {
        ModelBenchCommand options = new("0,4096", leastContext: 0, rounds, threads, json);
        Option<int> tokens = new("--tokens") { Description = "Tokens of the prompt.", DefaultValueFactory = _ => 512 };
        tokens.RequireAtLeast(1);
        Command command = options.Build("prefill", "Measure taking in a prompt, from the request to the first token.");
        command.Options.Add(tokens);
        command.SetAction(parsed => options.RunPrefill(parsed, parsed.GetValue(tokens)));
        return command;
    }

    private Command Build(string name, string description)
    {
        Command command = new(name, description) { _model, _shape, _type, _cache, _precision, _contexts };
        command.Validators.Add(result =>
        {
            if (result.GetValue(_model) is null == result.GetValue(_shape) is null) result.AddError("Name a model or a --shape, one of the two.");
        });
        return command;
    }

    private int RunDecode(ParseResult parsed, int[] batches)
    {
        using WorkerPool workers = new(parsed.GetValue(_threads));
        using Transformer model = Load(parsed, workers);
        ModelBenchOptions options = Options(parsed, model);
        DecodeBench bench = new(model, workers, options);
        List<DecodeBenchRow> rows = [];
        foreach (int context in Contexts(parsed, model))
        {
            foreach (int batch in batches)
            {
                rows.Add(bench.Run(batch, context));
                if (!parsed.GetValue(_json)) Print(rows[^1]);
            }
        }

        if (parsed.GetValue(_json)) JsonOutput.Write(new { Model = Name(parsed), Type = parsed.GetValue(_type), Cache = $"{options.CacheType}", Precision = $"{options.Precision}", Threads = workers.Count, Decode = rows });
        return CommandLine.Ok;
    }

    private int RunPrefill(ParseResult parsed, int tokens)
    {
        using WorkerPool workers = new(parsed.GetValue(_threads));
        using Transformer model = Load(parsed, workers);
        ModelBenchOptions options = Options(parsed, model);
        PrefillBench bench = new(model, workers, options);
        List<PrefillBenchRow> rows = [];
        foreach (int context in Contexts(parsed, model))
        {
            rows.Add(bench.Run(tokens, context, new RoundProgress($"prompts behind {context} tokens").Report));
            if (!parsed.GetValue(_json)) Print(rows[^1]);
        }

        if (parsed.GetValue(_json)) JsonOutput.Write(new { Model = Name(parsed), Type = parsed.GetValue(_type), Cache = $"{options.CacheType}", Precision = $"{options.Precision}", Threads = workers.Count, Prefill = rows });
        return CommandLine.Ok;
    }

    // What is not said is as users get it.
    private ModelBenchOptions Options(ParseResult parsed, Transformer model)
    {
        EngineOptions engine = new EngineOptions
        {
            CacheType = parsed.GetValue(_cache) is { } cache ? s_cacheTypes[cache] : null,
            Precision = parsed.GetValue(_precision),
        }.For(model);
        Console.Error.WriteLine($"cache {engine.CacheType}, products with other weights than blocks {engine.Precision}");
        return new ModelBenchOptions(parsed.GetValue(_rounds), engine.CacheType!.Value, engine.Precision!.Value);
    }

    private Transformer Load(ParseResult parsed, WorkerPool workers)
    {
        Stopwatch watch = Stopwatch.StartNew();
        string? type = parsed.GetValue(_type);
        Transformer model;
        if (parsed.GetValue(_shape) is { } shape)
        {
            model = BenchModels.Describe(shape);
            BenchModels.Fill(model, type is null ? ElementType.F32 : s_types[type], workers);
        }
        else
        {
            model = ModelReader.Read(parsed.GetRequiredValue(_model)!, progress: new ReadingProgress().Report);
            if (type is not null) model.HoldMatricesAs(s_types[type]);
        }

        long bytes = model.Parameters.SelectMany(p => p.Held).Sum(array => array.Value.Buffer.ByteLength);
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{ModelSize.Of(model).Main / 1e6:N0}M parameters in {bytes / 1e6:N0} MB, {watch.Elapsed.TotalSeconds:F1} s"));
        return model;
    }

    private string Name(ParseResult parsed) => parsed.GetValue(_shape) ?? parsed.GetValue(_model)!;

    // Contexts that the model can't have are left out, and said.
    private IEnumerable<int> Contexts(ParseResult parsed, Transformer model)
    {
        foreach (int context in Parse(parsed.GetRequiredValue(_contexts), 0)!)
        {
            if (context < model.Config.MaxPositionEmbeddings / 2) yield return context;
            else Console.Error.WriteLine($"a context of {context} is left out: the model has {model.Config.MaxPositionEmbeddings}");
        }
    }

    private static void Print(DecodeBenchRow row) => Console.Out.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"batch {row.Batch,2}, context {row.Context,5}: {row.Best,8:F2} tokens/s best (median {row.Median:F2}), {row.BytesPerToken / 1e6,8:F1} MB a token, " +
        $"{row.Best * row.BytesPerToken / 1e9:F1} of {row.ReadGigabytes:F1} GB/s = {row.Share:P1} of the roofline, {row.ExpertsPerLayer:F1} experts a layer"));

    private static void Print(PrefillBenchRow row) => Console.Out.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{row.Tokens} tokens behind {row.Context,5}: {row.Best,8:F1} tokens/s best (median {row.Median:F1}), {row.Gigaflops:F1} of {row.PeakGigaflops:F1} GFLOP/s = {row.Share:P1} of the peak"));

    private static Option<string> Numbers(string name, string description, string byDefault, int least)
    {
        Option<string> option = new(name) { Description = description, DefaultValueFactory = _ => byDefault };
        option.Require(text => Parse(text ?? "", least) is not null, $"whole numbers from {least} to {int.MaxValue} with commas between them");
        return option;
    }

    private static int[]? Parse(string text, int least)
    {
        List<int> numbers = [];
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < least) return null;
            numbers.Add(number);
        }

        return [.. numbers];
    }
}
