using System.CommandLine;
using System.Globalization;
using System.Text;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization;

namespace Hadal.Cli.Commands;

/// <summary>`hadal eval`: how good a model is at a task.</summary>
internal static class EvalCommand
{
    private const string Perplexity = "perplexity";
    private const int DefaultWindow = 1024;

    public static Command Create()
    {
        Argument<string> model = LoadedModel.PathArgument();
        Option<ElementType?> type = LoadedModel.TypeOption();
        Option<ProductPrecision?> precision = PrecisionOption.Create();
        Option<string> task = new("--task") { Description = $"What to measure: perplexity of a text, or problems solved: {string.Join(", ", TaskEvaluation.Tasks)}.", Required = true };
        task.AcceptOnlyFromAmong([Perplexity, .. TaskEvaluation.Tasks]);
        Option<string?> file = new("--file") { Description = "Text to predict, for perplexity." };
        Option<int?> window = new("--window") { Description = $"Tokens of a window; by default {DefaultWindow}, or the model's context if that is shorter." };
        window.RequireAtLeast(2);
        Option<bool> json = JsonOutput.Option();
        TaskEvaluation tasks = new();
        Command command = new("eval", "Measure how good a model is at a task.") { model, task, file, window, type, precision, json };
        tasks.AddTo(command);
        command.Validators.Add(result =>
        {
            if ((result.GetValue(task) == Perplexity) != (result.GetValue(file) is not null)) result.AddError("eval takes --file with --task perplexity, and only there.");
            else if (result.GetValue(task) == TaskEvaluation.ListTask && !tasks.HasProblems(result)) result.AddError("--task file takes its problems from --problems FILE.");
        });
        command.SetAction((parsed, cancellation) =>
        {
            using LoadedModel loaded = new(parsed.GetRequiredValue(model), parsed.GetValue(type));
            ProductPrecision precise = new EngineOptions { Precision = parsed.GetValue(precision) }.For(loaded.Model).Precision!.Value;
            return Task.FromResult(parsed.GetRequiredValue(task) is var name && name == Perplexity
                ? Run(loaded, precise, parsed.GetRequiredValue(file)!, parsed.GetValue(window), parsed.GetValue(json), cancellation)
                : tasks.Run(parsed, loaded, precise, name, parsed.GetValue(json), cancellation));
        });
        return command;
    }

    private static int Run(LoadedModel loaded, ProductPrecision precision, string file, int? window, bool json, CancellationToken cancellation)
    {
        byte[] text = File.ReadAllBytes(file);
        Transformer model = loaded.Model;
        int[] ids = loaded.Tokenizer.Encode(Encoding.UTF8.GetString(text), addSpecial: true);
        int context = model.Config.MaxPositionEmbeddings, size = window ?? Math.Min(DefaultWindow, context);
        if (ids.Length < 2) throw new TokenizerException(file, $"it is {ids.Length} tokens long, expected two or more");
        if (ids.Max() >= model.Config.VocabSize)
        {
            throw new TokenizerException(loaded.Path, $"its tokenizer made id {ids.Max()}, expected ids below the model's vocab_size, {model.Config.VocabSize}");
        }

        if (size > context) throw new TokenizerException("--window", $"it is {size}, expected at most the model's context, {context}");
        using WorkerPool workers = new();
        ProgressClock clock = new();
        PerplexityResult result = PerplexityMeasure.Run(model, workers, ids, size, Report, precision, cancellation);
        Print(result, text.Length, size, clock.Elapsed, json);
        return CommandLine.Ok;

        void Report(long done, long all)
        {
            if (!clock.IsDue()) return;
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{done:N0} of {all:N0} tokens, {clock.Rate(done):F0} a second, {clock.Left(done, all)}"));
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
