using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Hadal.Checkpoints;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization;

namespace Hadal.Cli.Commands;

/// <summary>`hadal eval`: how good a model is at a task.</summary>
internal static class EvalCommand
{
    private const int DefaultWindow = 1024;
    private static readonly TimeSpan s_reportEvery = TimeSpan.FromSeconds(2);

    public static Command Create()
    {
        Argument<string> model = new("model") { Description = "Folder of the model." };
        Option<string> task = new("--task") { Description = "What to measure: perplexity.", Required = true };
        task.AcceptOnlyFromAmong("perplexity");
        Option<string> file = new("--file") { Description = "Text to predict.", Required = true };
        Option<int?> window = new("--window") { Description = $"Tokens of a window; by default {DefaultWindow}, or the model's context if that is shorter." };
        window.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() < 2) result.AddError("--window takes a number from 2 on.");
        });
        Option<bool> json = JsonOutput.Option();
        Command command = new("eval", "Measure how good a model is at a task.") { model, task, file, window, json };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(
            parsed.GetRequiredValue(model), parsed.GetRequiredValue(file), parsed.GetValue(window), parsed.GetValue(json), cancellation)));
        return command;
    }

    private static int Run(string folder, string file, int? window, bool json, CancellationToken cancellation)
    {
        byte[] text = File.ReadAllBytes(file);
        Tokenizer tokenizer = Tokenizer.Load(folder);
        int[] ids = tokenizer.Encode(Encoding.UTF8.GetString(text), addSpecial: true);
        using Transformer model = ModelReader.Read(folder, progress: new ReadingProgress().Report);
        int context = model.Config.MaxPositionEmbeddings, size = window ?? Math.Min(DefaultWindow, context);
        if (ids.Length < 2) throw new TokenizerException(file, $"it is {ids.Length} tokens long, expected two or more");
        if (ids.Max() >= model.Config.VocabSize)
        {
            throw new TokenizerException(folder, $"its tokenizer made id {ids.Max()}, expected ids below the model's vocab_size, {model.Config.VocabSize}");
        }

        if (size > context) throw new TokenizerException("--window", $"it is {size}, expected at most the model's context, {context}");
        using WorkerPool workers = new();
        Stopwatch watch = Stopwatch.StartNew(), sinceReport = Stopwatch.StartNew();
        PerplexityResult result = PerplexityMeasure.Run(model, workers, ids, size, Report, cancellation);
        Print(result, text.Length, size, watch.Elapsed, json);
        return CommandLine.Ok;

        void Report(long done, long all)
        {
            if (sinceReport.Elapsed < s_reportEvery) return;
            sinceReport.Restart();
            double rate = done / watch.Elapsed.TotalSeconds;
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{done:N0} of {all:N0} tokens, {rate:F0} a second, {(all - done) / rate:F0} s left"));
        }
    }

    private static void Print(PerplexityResult result, long bytes, int window, TimeSpan elapsed, bool json)
    {
        double natsPerToken = result.Nats / result.Tokens, natsPerByte = result.Nats / bytes;
        if (json)
        {
            JsonOutput.Write(new { result.Perplexity, NatsPerToken = natsPerToken, NatsPerByte = natsPerByte, result.Tokens, Window = window, Seconds = elapsed.TotalSeconds });
            return;
        }

        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"perplexity {result.Perplexity:F4} ({natsPerToken:F4} nats a token, {natsPerByte:F4} a byte) over {result.Tokens:N0} tokens in windows of {window:N0}"));
    }
}
