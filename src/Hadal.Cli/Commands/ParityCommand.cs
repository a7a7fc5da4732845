using System.CommandLine;
using System.Globalization;
using Hadal.Checkpoints.Parity;
using Hadal.Models;
using Hadal.Numerics;
using Spectre.Console;

namespace Hadal.Cli.Commands;

/// <summary>`hadal parity`: does this build compute what another implementation computed?</summary>
internal static class ParityCommand
{
    private const int WidthOfAFile = 10_000;

    public static Command Create()
    {
        Argument<string> model = new("model") { Description = "Folder of the model, or a .gguf file." };
        Argument<string?> expected = new("expected")
        {
            Description = "Safetensors file with input_ids and saved results: logits, hidden_states.N, layers.N.topk_indices, mtp.logits, ...",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> gradients = new("--grads") { Description = "Safetensors file with the loss and its gradients on the same input_ids." };
        Option<string?> decode = new("--decode") { Description = "JSON file with a prompt and its greedy continuation." };
        Option<double> tolerance = Bound(
            "--tolerance", new ParityOptions().Tolerance,
            "Largest absolute difference of logits; other results scale it by their largest magnitude, if above 1.");
        Option<double> gradientTolerance = Bound(
            "--grads-tolerance", new ParityOptions().GradientTolerance, "Largest relative L2 norm of a gradient's difference.");
        Option<MlaForm?> form = new("--mla") { Description = "Form of latent attention in the forward comparison." };
        form.RequireName();
        Option<bool> json = JsonOutput.Option();
        Command command = new("parity", "Compare what this build computes with another implementation's saved results.")
        {
            model, expected, gradients, decode, tolerance, gradientTolerance, form, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(model) is "") result.AddError("MODEL is empty.");
            bool hasExpected = result.GetValue(expected) is not null;
            if (!hasExpected && result.GetValue(gradients) is not null) result.AddError("--grads needs EXPECTED, for its input_ids.");
            else if (!hasExpected && result.GetValue(decode) is null) result.AddError("Nothing to compare with: give EXPECTED or --decode.");
        });
        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(model),
            new ParityOptions
            {
                Expected = parsed.GetValue(expected),
                Gradients = parsed.GetValue(gradients),
                Decode = parsed.GetValue(decode),
                Tolerance = parsed.GetValue(tolerance),
                GradientTolerance = parsed.GetValue(gradientTolerance),
                Form = parsed.GetValue(form),
            },
            parsed.GetValue(json)));
        return command;
    }

    // A bound that is infinite or not a number would make the comparison say nothing.
    private static Option<double> Bound(string name, double fallback, string description)
    {
        Option<double> bound = new(name) { Description = description, DefaultValueFactory = _ => fallback };
        bound.Require(value => double.IsFinite(value) && value >= 0, "a number from 0 on");
        return bound;
    }

    private static int Run(string model, ParityOptions options, bool json)
    {
        Conversions.NoteDecodedTypes(model);
        using WorkerPool workers = new();
        ParityReport report = ParityCheck.Run(model, options, workers, new ReadingProgress().Report);
        if (json) JsonOutput.Write(new { report.Passed, report.Rows, report.NotCompared });
        else Print(report);
        return report.Passed ? CommandLine.Ok : CommandLine.Failed;
    }

    private static void Print(ParityReport report)
    {
        Table table = new Table().Border(TableBorder.Simple)
            .AddColumn("result", c => c.NoWrap()).AddColumn("measure")
            .AddColumn("found", c => c.RightAligned()).AddColumn("bound", c => c.RightAligned())
            .AddColumn("max abs", c => c.RightAligned()).AddColumn("max rel", c => c.RightAligned())
            .AddColumn("arg-max", c => c.RightAligned()).AddColumn("");
        foreach (ParityRow row in report.Rows)
        {
            table.AddRow(
                Markup.Escape(row.Name), row.Measure, Number(row.Found), Number(row.Bound), Number(row.MaxAbsolute), Number(row.MaxRelative),
                row.ArgMaxAgreement?.ToString("P1", CultureInfo.InvariantCulture) ?? "", row.Passed ? "ok" : "[red]FAILED[/]");
        }

        Terminal().Write(table);
        if (report.NotCompared.Count > 0) Console.Out.WriteLine($"Not compared: {PlainText.OneLine(string.Join(", ", report.NotCompared))}.");
        int failed = report.Rows.Count(row => !row.Passed);
        Console.Out.WriteLine(
            report.Passed ? $"All {report.Rows.Count} results agree."
            : report.Rows.Count == 0 ? "Nothing was compared: the file has no result that this model computes."
            : $"{failed} of {report.Rows.Count} results differ by more than the bound.");
    }

    // A file or a pipe has no width and no colours: every row is one line there.
    private static IAnsiConsole Terminal()
    {
        AnsiConsoleSettings settings = new() { Out = new AnsiConsoleOutput(Console.Out) };
        if (!Console.IsOutputRedirected) return AnsiConsole.Create(settings);
        settings.Ansi = AnsiSupport.No;
        settings.ColorSystem = ColorSystemSupport.NoColors;
        IAnsiConsole console = AnsiConsole.Create(settings);
        console.Profile.Width = WidthOfAFile;
        return console;
    }

    private static string Number(double? value) => value?.ToString("0.##e+0", CultureInfo.InvariantCulture) ?? "";
}
