using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization;

namespace Hadal.Cli.Commands;

/// <summary>`hadal generate`: continues one prompt as it is drawn, or many from a file.</summary>
internal static class GenerateCommand
{
    private static readonly TimeSpan s_reportEvery = TimeSpan.FromSeconds(2);

    public static Command Create()
    {
        Argument<string> model = new("model") { Description = "Folder of the model." };
        Option<string?> prompt = new("--prompt") { Description = "Text to continue; the continuation is printed as it is drawn." };
        Option<string?> prompts = new("--prompts") { Description = "File with one prompt a line: a JSON string, or an object with 'prompt'." };
        Option<string?> output = new("--out") { Description = "Where the continuations of --prompts go: one JSON object a line." };
        Option<int> maxTokens = new("--max-tokens") { Description = "Most tokens to add.", DefaultValueFactory = _ => 256 };
        Option<float> temperature = new("--temperature") { Description = "Divides the logits; 0 takes the best token.", DefaultValueFactory = _ => 1 };
        Option<int> topK = new("--top-k") { Description = "Draw from the best so many tokens; 0 from all." };
        Option<float> topP = new("--top-p") { Description = "Draw from the best tokens of this joint probability.", DefaultValueFactory = _ => 1 };
        Option<int> seed = new("--seed") { Description = "The same seed draws the same text." };
        Option<bool> json = JsonOutput.Option();
        Require(maxTokens, value => value >= 1, "a number from 1 on");
        Require(temperature, value => value >= 0 && float.IsFinite(value), "a number from 0 on");
        Require(topK, value => value >= 0, "a number from 0 on");
        Require(topP, value => value is > 0 and <= 1, "a number above 0, up to 1");
        Command command = new("generate", "Continue a prompt, or many.") { model, prompt, prompts, output, maxTokens, temperature, topK, topP, seed, json };
        command.Validators.Add(result =>
        {
            if ((result.GetValue(prompt) is null) == (result.GetValue(prompts) is null)) result.AddError("generate takes one of --prompt and --prompts.");
            else if ((result.GetValue(prompts) is null) != (result.GetValue(output) is null)) result.AddError("--prompts and --out go together.");
        });
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(
            new Loaded(parsed.GetRequiredValue(model)), parsed.GetValue(prompt), parsed.GetValue(prompts), parsed.GetValue(output), parsed.GetValue(maxTokens),
            new SamplingOptions
            {
                Temperature = parsed.GetValue(temperature),
                TopK = parsed.GetValue(topK),
                TopP = parsed.GetValue(topP),
                Seed = parsed.GetValue(seed),
            },
            parsed.GetValue(json), cancellation)));
        return command;
    }

    private static void Require<T>(Option<T> option, Func<T, bool> holds, string expected) => option.Validators.Add(result =>
    {
        if (!holds(result.GetValueOrDefault<T>()!)) result.AddError($"{option.Name} takes {expected}.");
    });

    private static int Run(
        Loaded loaded, string? prompt, string? prompts, string? output, int maxTokens, SamplingOptions sampling, bool json, CancellationToken cancellation)
    {
        using (loaded)
        {
            return prompt is not null
                ? Stream(loaded, prompt, maxTokens, sampling, json, cancellation)
                : WriteAll(loaded, prompts!, output!, maxTokens, sampling, json, cancellation);
        }
    }

    private static int Stream(Loaded loaded, string prompt, int maxTokens, SamplingOptions sampling, bool json, CancellationToken cancellation)
    {
        GenerationRequest request = loaded.Request(prompt, maxTokens, sampling, "--prompt");
        IncrementalDecoder decoder = loaded.DecoderAfter(request.Prompt);
        StringBuilder text = new();
        int tokens = 0;
        Stopwatch watch = Stopwatch.StartNew();
        FinishReason[] reasons = new TextGenerator(loaded.Model, loaded.Workers).Run([request], (_, token) =>
        {
            tokens++;
            Append(decoder.Add(token));
        }, cancellation: cancellation);
        Append(decoder.Flush());
        if (json) JsonOutput.Write(new { Prompt = prompt, Completion = text.ToString(), Tokens = tokens, FinishReason = Name(reasons[0]), Seconds = watch.Elapsed.TotalSeconds });
        else Console.Out.WriteLine();
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
        Loaded loaded, string promptsPath, string outputPath, int maxTokens, SamplingOptions sampling, bool json, CancellationToken cancellation)
    {
        // Each line draws with a seed of its own, so a line's continuation does not depend on which lines stand before it.
        string[] prompts = [.. ReadPrompts(promptsPath)];
        GenerationRequest[] requests = [.. prompts.Select((p, i) => loaded.Request(
            p, maxTokens, sampling with { Seed = unchecked(sampling.Seed + i) }, $"{promptsPath}: line {i + 1}"))];
        using AtomicFile file = new(outputPath);
        List<int>[] tokens = [.. prompts.Select(_ => new List<int>())];
        Stopwatch watch = Stopwatch.StartNew(), sinceReport = Stopwatch.StartNew();
        long drawn = 0;
        FinishReason[] reasons = new TextGenerator(loaded.Model, loaded.Workers).Run(requests, (request, token) =>
        {
            tokens[request].Add(token);
            drawn++;
            if (sinceReport.Elapsed < s_reportEvery) return;
            sinceReport.Restart();
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{drawn:N0} tokens, {drawn / watch.Elapsed.TotalSeconds:F0} a second, {tokens.Count(t => t.Count > 0):N0} of {prompts.Length:N0} prompts begun"));
        }, cancellation: cancellation);

        for (int i = 0; i < prompts.Length; i++)
        {
            IncrementalDecoder decoder = loaded.DecoderAfter(requests[i].Prompt);
            string completion = string.Concat(tokens[i].Select(decoder.Add)) + decoder.Flush();
            byte[] line = JsonSerializer.SerializeToUtf8Bytes(
                new { Prompt = prompts[i], Completion = completion, Tokens = tokens[i].Count, FinishReason = Name(reasons[i]) }, JsonOutput.Options);
            file.Stream.Write(line);
            file.Stream.WriteByte((byte)'\n');
        }

        file.Commit();
        if (json) JsonOutput.Write(new { Prompts = prompts.Length, Tokens = drawn, Seconds = watch.Elapsed.TotalSeconds });
        else Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{prompts.Length:N0} prompts, {drawn:N0} tokens in {watch.Elapsed.TotalSeconds:F1} s"));
        return CommandLine.Ok;
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

    // A model with its tokenizer, and the threads to run it.
    private sealed class Loaded : IDisposable
    {
        private readonly string _path;

        public Loaded(string path)
        {
            _path = path;
            Tokenizer = Tokenizer.Load(path);
            Model = ModelReader.Read(path, progress: new ReadingProgress().Report);
            Workers = new WorkerPool();
        }

        public Tokenizer Tokenizer { get; }

        public Transformer Model { get; }

        public WorkerPool Workers { get; }

        public GenerationRequest Request(string prompt, int maxTokens, SamplingOptions sampling, string place)
        {
            int[] ids = Tokenizer.Encode(prompt, addSpecial: true, parseSpecial: true);
            if (ids.Length == 0 && Model.Config.BosTokenId is { } bos) ids = [bos];
            int context = Model.Config.MaxPositionEmbeddings, outside = Array.FindIndex(ids, id => id >= Model.Config.VocabSize);
            if (outside >= 0)
            {
                throw new TokenizerException(_path, $"its tokenizer made id {ids[outside]}, expected ids below the model's vocab_size, {Model.Config.VocabSize}");
            }

            return ids.Length > 0 && ids.Length < context
                ? new GenerationRequest(ids, maxTokens, sampling)
                : throw new TokenizerException(place, $"the prompt has {ids.Length} tokens, expected 1 to {context - 1} for this model's context");
        }

        // What a token says can depend on what stands before it: at the beginning of a text some vocabularies drop a space.
        public IncrementalDecoder DecoderAfter(IReadOnlyList<int> prompt)
        {
            IncrementalDecoder decoder = Tokenizer.CreateDecoder(skipSpecial: true);
            foreach (int id in prompt) decoder.Add(id);
            return decoder;
        }

        public void Dispose()
        {
            Workers.Dispose();
            Model.Dispose();
        }
    }
}
