using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Inference;
using Hadal.Numerics;
using Hadal.Tokenization;

namespace Hadal.Cli.Commands;

/// <summary>`hadal generate`: continues one prompt as it is drawn, or many from a file.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        Argument<string> model = LoadedModel.PathArgument();
        Option<ElementType?> type = LoadedModel.TypeOption();
        Option<ProductPrecision?> precision = PrecisionOption.Create();
        Option<string?> prompt = new("--prompt") { Description = "Text to continue; the continuation is printed as it is drawn." };
        Option<string?> prompts = new("--prompts") { Description = "File with one prompt a line: a JSON string, or an object with 'prompt'." };
        Option<string?> output = new("--out") { Description = "Where the continuations of --prompts go: one JSON object a line." };
        Option<int> maxTokens = new("--max-tokens") { Description = "Most tokens to add.", DefaultValueFactory = _ => 256 };
        SamplingArguments sampling = new(temperature: 1, topP: 1);
        Option<int> seed = new("--seed") { Description = "The same seed draws the same text." };
        Option<bool> json = JsonOutput.Option();
        maxTokens.RequireAtLeast(1);
        seed.RequireInteger();
        Command command = new("generate", "Continue a prompt, or many.") { model, prompt, prompts, output, maxTokens, seed, type, precision, json };
        sampling.AddTo(command);
        DraftingArguments drafting = new(command);
        command.Validators.Add(result =>
        {
            if ((result.GetValue(prompt) is null) == (result.GetValue(prompts) is null)) result.AddError("generate takes one of --prompt and --prompts.");
            else if ((result.GetValue(prompts) is null) != (result.GetValue(output) is null)) result.AddError("--prompts and --out go together.");
        });
        command.SetAction((parsed, cancellation) =>
        {
            using LoadedModel loaded = new(parsed.GetRequiredValue(model), parsed.GetValue(type));
            using DraftSource? drafts = drafting.Load(parsed, loaded);
            using WorkerPool workers = new();
            TextGenerator generator = new(loaded.Model, workers) { Precision = parsed.GetValue(precision), Speculation = drafts?.Options };
            SamplingOptions options = sampling.Read(parsed, parsed.GetValue(seed));
            int most = parsed.GetValue(maxTokens);
            return Task.FromResult(parsed.GetValue(prompt) is { } single
                ? Stream(loaded, generator, single, most, options, parsed.GetValue(json), cancellation)
                : WriteAll(loaded, generator, parsed.GetValue(prompts)!, parsed.GetValue(output)!, most, options, parsed.GetValue(json), cancellation));
        });
        return command;
    }

    private static int Stream(
        LoadedModel loaded, TextGenerator generator, string prompt, int maxTokens, SamplingOptions sampling, bool json, CancellationToken cancellation)
    {
        GenerationRequest request = Request(loaded, prompt, maxTokens, sampling, "--prompt");
        IncrementalDecoder decoder = DecoderAfter(loaded, request.Prompt);
        StringBuilder text = new();
        int tokens = 0;
        Stopwatch watch = Stopwatch.StartNew();
        FinishReason[] reasons = generator.Run([request], (_, token) =>
        {
            tokens++;
            Append(decoder.Add(token));
        }, cancellation: cancellation);
        Append(decoder.Flush());
        if (json)
        {
            JsonOutput.Write(new
            {
                Prompt = prompt,
                Completion = text.ToString(),
                Tokens = tokens,
                FinishReason = Name(reasons[0]),
                Seconds = watch.Elapsed.TotalSeconds,
                Speculation = SpeculationOf(generator),
            });
        }
        else
        {
            Console.Out.WriteLine();
            TellSpeculation(generator);
        }

        return CommandLine.Ok;

        void Append(string piece)
        {
            text.Append(piece);
            if (json) return;
            Console.Out.Write(piece);
            Console.Out.Flush();
        }
    }

    private static int WriteAll(
        LoadedModel loaded, TextGenerator generator, string promptsPath, string outputPath, int maxTokens, SamplingOptions sampling, bool json, CancellationToken cancellation)
    {
        // Each line draws with a seed of its own, so a line's continuation does not depend on which lines stand before it.
        string[] prompts = [.. ReadPrompts(promptsPath)];
        GenerationRequest[] requests = [.. prompts.Select((p, i) => Request(
            loaded, p, maxTokens, sampling with { Seed = unchecked(sampling.Seed + i) }, $"{promptsPath}: line {i + 1}"))];
        using AtomicFile file = new(outputPath);
        List<int>[] tokens = [.. prompts.Select(_ => new List<int>())];
        ProgressClock clock = new();
        long drawn = 0;
        FinishReason[] reasons = generator.Run(requests, (request, token) =>
        {
            tokens[request].Add(token);
            drawn++;
            if (!clock.IsDue()) return;
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{drawn:N0} tokens, {clock.Rate(drawn):F0} a second, {tokens.Count(t => t.Count > 0):N0} of {prompts.Length:N0} prompts begun"));
        }, cancellation: cancellation);

        for (int i = 0; i < prompts.Length; i++)
        {
            IncrementalDecoder decoder = DecoderAfter(loaded, requests[i].Prompt);
            string completion = string.Concat(tokens[i].Select(decoder.Add)) + decoder.Flush();
            byte[] line = JsonSerializer.SerializeToUtf8Bytes(
                new { Prompt = prompts[i], Completion = completion, Tokens = tokens[i].Count, FinishReason = Name(reasons[i]) }, JsonOutput.Options);
            file.Stream.Write(line);
            file.Stream.WriteByte((byte)'\n');
        }

        file.Commit();
        if (json) JsonOutput.Write(new { Prompts = prompts.Length, Tokens = drawn, Seconds = clock.Elapsed.TotalSeconds, Speculation = SpeculationOf(generator) });
        else
        {
            TellSpeculation(generator);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{prompts.Length:N0} prompts, {drawn:N0} tokens in {clock.Elapsed.TotalSeconds:F1} s"));
        }

        return CommandLine.Ok;
    }

    private static object? SpeculationOf(TextGenerator generator) => generator.Speculation is null ? null : new
    {
        generator.Statistics.DraftedTokens,
        generator.Statistics.AcceptedTokens,
        generator.Statistics.AcceptanceRate,
        generator.Statistics.TokensPerVerification,
    };

    private static void TellSpeculation(TextGenerator generator)
    {
        if (generator.Speculation is null) return;
        EngineStatistics statistics = generator.Statistics;
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{statistics.DraftedTokens:N0} tokens drafted, {statistics.AcceptanceRate:P0} of them accepted, {statistics.TokensPerVerification:F2} tokens a verification"));
    }

    private static IEnumerable<string> ReadPrompts(string path)
    {
        long number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            string? prompt;
            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                JsonElement root = document.RootElement;
                prompt = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("prompt", out JsonElement inner) ? inner.GetString() : root.GetString();
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw new TokenizerException(path, $"line {number} has no prompt, expected a JSON string or an object with a string 'prompt'", e);
            }

            yield return prompt ?? throw new TokenizerException(path, $"line {number} is null, expected a prompt");
        }
    }

    private static string Name(FinishReason reason) => reason == FinishReason.Stop ? "stop" : "length";

    private static GenerationRequest Request(LoadedModel loaded, string prompt, int maxTokens, SamplingOptions sampling, string place)
    {
        int[] ids = loaded.Tokenizer.Encode(prompt, addSpecial: true, parseSpecial: true);
        if (ids.Length == 0 && loaded.Model.Config.BosTokenId is { } bos) ids = [bos];
        int context = loaded.Model.Config.MaxPositionEmbeddings, outside = Array.FindIndex(ids, id => id >= loaded.Model.Config.VocabSize);
        if (outside >= 0)
        {
            throw new TokenizerException(
                loaded.Path, $"its tokenizer made id {ids[outside]}, expected ids below the model's vocab_size, {loaded.Model.Config.VocabSize}");
        }

        return ids.Length > 0 && ids.Length < context
            ? new GenerationRequest(ids, maxTokens, sampling)
            : throw new ContextLengthException($"{place}: the prompt", ids.Length, context - 1, "this model's context");
    }

    // What a token says can depend on what stands before it: at the beginning of a text some vocabularies drop a space.
    private static IncrementalDecoder DecoderAfter(LoadedModel loaded, IReadOnlyList<int> prompt)
    {
        IncrementalDecoder decoder = loaded.Tokenizer.CreateDecoder(skipSpecial: true);
        foreach (int id in prompt) decoder.Add(id);
        return decoder;
    }
}
