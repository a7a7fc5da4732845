using System.CommandLine;
using System.Globalization;
using Hadal.Cli.Bench;
using Hadal.Numerics;

namespace Hadal.Cli.Commands;

/// <summary>`hadal bench`: how close kernels come to what this machine can do, both measured in one run.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        Option<int> rounds = new("--rounds") { Description = "Rounds; the best counts.", DefaultValueFactory = _ => 5, Recursive = true };
        rounds.RequireAtLeast(1);
        Option<int> threads = new("--threads") { Description = "Worker threads for kernels; 0 takes one for each processor.", Recursive = true };
        threads.RequireAtLeast(0);
        Option<bool> json = JsonOutput.Option();
        json.Recursive = true;
        Command kernels = new("kernels", "Measure kernels beside the ceilings of this machine, in one run; what bench does when nothing is named.");
        Command command = new("bench", "Measure kernels, a tokenizer, training steps, decoding, prefill or rollouts.") { rounds, threads, json, kernels, CreateTokenizer(rounds, json), CreateTrain(rounds, threads, json), ModelBenchCommand.CreateDecode(rounds, threads, json), ModelBenchCommand.CreatePrefill(rounds, threads, json), RolloutBenchCommand.Create(rounds, threads, json) };
        foreach (Command measured in new[] { command, kernels })
        {
            measured.SetAction(parsed => Run(parsed.GetValue(rounds), parsed.GetValue(threads), parsed.GetValue(json)));
        }

        return command;
    }

    private static Command CreateTokenizer(Option<int> rounds, Option<bool> json)
    {
        Argument<string> model = new("model") { Description = "Folder of a model, tokenizer.json, .tiktoken or .gguf file." };
        Option<string[]> text = new("--text") { Description = "Files of text.", Required = true, AllowMultipleArgumentsPerToken = true };
        Command command = new("tokenizer", "Measure how fast a tokenizer encodes and decodes text on one thread.") { model, text };
        command.SetAction(parsed => RunTokenizer(parsed.GetRequiredValue(model), parsed.GetRequiredValue(text), parsed.GetValue(rounds), parsed.GetValue(json)));
        return command;
    }

    private static Command CreateTrain(Option<int> rounds, Option<int> threads, Option<bool> json)
    {
        Option<string> shape = new("--shape") { Description = $"The model's size in active parameters: {string.Join(", ", TrainBench.Shapes)}.", Required = true };
        shape.AcceptOnlyFromAmong(TrainBench.Shapes);
        Option<ProductPrecision?> precision = PrecisionOption.Create("by default bf16");
        Option<bool> recompute = new("--recompute") { Description = "Compute cheap activations again in backward instead of keeping them." };
        Command command = new("train", "Measure whole training steps on random tokens; --rounds says how many.") { shape, precision, recompute };
        command.SetAction(parsed => RunTrain(
            parsed.GetRequiredValue(shape), parsed.GetValue(precision) ?? ProductPrecision.BF16, parsed.GetValue(recompute),
            parsed.GetValue(rounds), parsed.GetValue(threads), parsed.GetValue(json)));
        return command;
    }

    private static int RunTrain(string shape, ProductPrecision precision, bool recompute, int steps, int threads, bool json)
    {
        using WorkerPool workers = new(threads);
        TrainBenchRow row = TrainBench.Run(workers, shape, precision, recompute, steps, step => Console.Error.WriteLine(
            step switch { < 0 => $"warming up, {-step} more", 0 => "warmed up", _ => $"step {step} of {steps}" }));
        if (json) JsonOutput.Write(row);
        else
        {
            Print($"{row.Shape} {row.Precision}, {workers.Count} threads: {row.Parameters / 1e6:F1}M parameters, {row.ActiveParameters / 1e6:F1}M active, steps of {row.TokensPerStep:N0} tokens");
            Print($"{row.Best:N0} tokens/s best of {steps} ({row.Median:N0} median), {row.Utilisation:P1} of the peak, {row.PeakBytes / 1e6:N0} MB, loss {row.Loss:F3}");
        }

        return CommandLine.Ok;
    }

    private static int RunTokenizer(string model, string[] texts, int rounds, bool json)
    {
        TokenizerBenchRow[] rows = [.. texts.Select(text => TokenizerBench.Run(model, text, rounds, new RoundProgress(text).Report))];
        if (json) JsonOutput.Write(new { Tokenizer = rows });
        else
        {
            foreach (TokenizerBenchRow row in rows)
            {
                Print($"{row.Text,-30} {row.Bytes / 1e6,7:F2} MB, {row.BytesPerToken:F2} bytes a token: encode {row.Encode:F1} MB/s (first pass {row.EncodeCold:F1}), decode {row.Decode:F1} MB/s");
            }
        }

        return CommandLine.Ok;
    }

    private static int Run(int rounds, int threads, bool json)
    {
        using WorkerPool workers = new(threads);
        using KernelBench bench = new(workers, rounds, TimeSpan.FromMilliseconds(150));
        IReadOnlyList<BenchRow> rows = bench.Run(new RoundProgress("kernels").Report);
        BenchCeilings ceilings = bench.Ceilings;
        if (json)
        {
            JsonOutput.Write(new
            {
                Threads = workers.Count,
                KernelSelection.VectorBits,
                ceilings.FmaGigaflops,
                ceilings.TileGigaflops,
                ceilings.ByteGigaops,
                ReadGigabytesPerSecond = ceilings.ReadGigabytes,
                ceilings.DispatchMicroseconds,
                Kernels = rows,
            });
            return CommandLine.Ok;
        }

        Print($"{workers.Count} threads, {KernelSelection.VectorBits}-bit vectors, best of {rounds} rounds");
        Print($"{"register FMAs",-58} {ceilings.FmaGigaflops,9:F1} GFLOP/s");
        if (ceilings.TileGigaflops is { } tiles) Print($"{"register tiles, BF16",-58} {tiles,9:F1} GFLOP/s");
        Print($"{"register products of bytes",-58} {ceilings.ByteGigaops,9:F1} GOP/s");
        Print($"{"reading memory",-58} {ceilings.ReadGigabytes,9:F1} GB/s");
        Print($"{"a parallel region without work",-58} {ceilings.DispatchMicroseconds,9:F2} us");
        foreach (BenchRow row in rows) Print($"{row.Kernel,-58} {row.Rate,9:F1} {row.Unit,-8} {row.Share,7:P1} of the ceiling (median {row.Median:F1})");
        return CommandLine.Ok;
    }

    private static void Print(FormattableString line) => Console.Out.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
