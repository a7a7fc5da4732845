using System.CommandLine;
using Hadal.Checkpoints.Gguf;
using Hadal.Numerics;

namespace Hadal.Cli.Commands;

/// <summary>`hadal quantize`: a model with its matrices in fewer bits.</summary>
internal static class QuantizeCommand
{
    // F8 has no type in ggml, and blocks have no form in folders of Hugging Face layout.
    private static readonly string[] s_types = ["Q8_0", "Q4_0", "Q4_K", "Q6_K", "F8", "BF16"];

    public static Command Create()
    {
        Argument<string> model = new("model") { Description = "Folder of the model, or a .gguf file." };
        Option<string> type = new("--type") { Description = $"{string.Join(", ", s_types)}: F8 makes a folder, BF16 either, the others a .gguf file.", Required = true };
        type.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, s_types);
        Option<string> output = new("--output") { Description = "A new .gguf file, or the name of a new folder.", Required = true };
        Option<bool> modules = new("--keep-modules") { Description = "Write multi-token-prediction modules into a .gguf file too; llama.cpp refuses such a file." };
        Option<bool> json = JsonOutput.Option();
        Command command = new("quantize", "Write a model with its matrices in fewer bits.") { model, type, output, modules, json };
        command.Validators.Add(result =>
        {
            if (result.GetValue(model) is "" || result.GetValue(output) is "") result.AddError("MODEL and --output need names.");
            bool toGguf = ConvertCommand.IsGguf(result.GetValue(output));
            switch (result.GetValue(type)?.ToUpperInvariant())
            {
                case "F8" when toGguf:
                    result.AddError("GGUF has no F8: name a folder as --output.");
                    break;
                case "Q8_0" or "Q4_0" or "Q4_K" or "Q6_K" when !toGguf:
                    result.AddError($"{result.GetValue(type)} has no form in folders of Hugging Face layout: name a .gguf file as --output.");
                    break;
                default:
                    break;
            }
        });
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(
            parsed.GetRequiredValue(model), parsed.GetRequiredValue(type).ToUpperInvariant(), parsed.GetRequiredValue(output), parsed.GetValue(modules),
            parsed.GetValue(json), cancellation)));
        return command;
    }

    private static int Run(string model, string type, string output, bool modules, bool json, CancellationToken cancellation) => Conversions.Run(
        json, () => ConvertCommand.IsGguf(output)
        ? Conversions.ToGguf(model, output, Enum.Parse<GgmlType>(type, ignoreCase: true), modules, cancellation)
        : Conversions.ToFolder(model, output, type == "F8" ? ElementType.F8E4M3 : ElementType.BF16, cancellation));
}
