using System.CommandLine;
using Hadal.Checkpoints.Gguf;
using Hadal.Numerics;

namespace Hadal.Cli.Commands;

/// <summary>`hadal convert`: between folders in Hugging Face layout and GGUF files.</summary>
internal static class ConvertCommand
{
    private static readonly ElementType[] s_folderTypes = [ElementType.F32, ElementType.BF16, ElementType.F16];

    public static Command Create()
    {
        Argument<string> model = new("model") { Description = "Folder of the model, or a .gguf file." };
        Argument<string> output = new("out") { Description = "A new .gguf file, or the name of a new folder." };
        Option<string?> type = new("--type")
        {
            Description = $"Type of most matrices: {string.Join(", ", GgufTypes.Writable)} in a .gguf file, {string.Join(", ", s_folderTypes)} in a folder. "
                + "By default they stay as they are.",
        };
        Option<bool> modules = new("--keep-modules") { Description = "Write multi-token-prediction modules into a .gguf file too; llama.cpp refuses such a file." };
        Option<bool> json = JsonOutput.Option();
        Command command = new("convert", "Convert a model between a folder and a GGUF file.") { model, output, type, modules, json };
        command.Validators.Add(result =>
        {
            if (result.GetValue(model) is "" || result.GetValue(output) is "") result.AddError("MODEL and OUT need names.");
            string[] names = IsGguf(result.GetValue(output)) ? [.. GgufTypes.Writable.Select(t => $"{t}")] : [.. s_folderTypes.Select(t => $"{t}")];
            if (result.GetValue(type) is { } name && !names.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                result.AddError($"--type is '{name}', expected {string.Join(" or ", names)} for {(IsGguf(result.GetValue(output)) ? "a .gguf file" : "a folder")}.");
            }
        });
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(
            parsed.GetRequiredValue(model), parsed.GetRequiredValue(output), parsed.GetValue(type), parsed.GetValue(modules), parsed.GetValue(json), cancellation)));
        return command;
    }

    /// <summary>Whether a path is to become a GGUF file.</summary>
    public static bool IsGguf(string? path) => path is not null && Path.GetExtension(path).Equals(".gguf", StringComparison.OrdinalIgnoreCase);

    private static int Run(string model, string output, string? type, bool modules, bool json, CancellationToken cancellation) => Conversions.Run(
        json, () => IsGguf(output)
        ? Conversions.ToGguf(model, output, type is null ? null : Enum.Parse<GgmlType>(type, ignoreCase: true), modules, cancellation)
        : Conversions.ToFolder(model, output, type is null ? null : Enum.Parse<ElementType>(type, ignoreCase: true), cancellation));
}
