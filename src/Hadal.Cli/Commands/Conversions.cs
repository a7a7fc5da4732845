using System.Globalization;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Gguf;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization.Formats;

namespace Hadal.Cli.Commands;

/// <summary>What `hadal convert` and `hadal quantize` do alike: weights with their tokenizer, progress, and a report.</summary>
internal static class Conversions
{
    /// <summary>Runs a conversion and prints its report.</summary>
    public static int Run(bool json, Func<ConversionReport> convert)
    {
        try
        {
            Print(convert(), json);
            return CommandLine.Ok;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("hadal: stopped; nothing was written.");
            return CommandLine.Failed;
        }
    }

    /// <summary>Writes a GGUF file.</summary>
    public static ConversionReport ToGguf(string model, string output, GgmlType? type, bool keepModules, CancellationToken cancellation)
    {
        if (File.Exists(output)) throw new CheckpointException(output, "it is there already, expected a new file");
        int vocabSize;
        using (Transformer described = ModelReader.Describe(model)) vocabSize = described.Config.VocabSize;
        IReadOnlyList<KeyValuePair<string, object>>? keys = TokenizerConversion.GgufKeys(model, vocabSize);
        GgufOptions options = new() { Type = type, TokenizerKeys = keys, KeepModules = keepModules, Progress = Progress(), Name = NameOf(model) };
        ConversionReport report = ModelConversion.ToGguf(model, output, options, cancellation);
        return keys is null ? report with { Remarks = [.. report.Remarks, "the model has no tokenizer: the file's is no_vocab."] } : report;
    }

    /// <summary>Writes a folder.</summary>
    public static ConversionReport ToFolder(string model, string output, ElementType? type, CancellationToken cancellation)
    {
        bool hasTokenizer = true;
        FolderOptions options = new()
        {
            Type = type,
            Progress = Progress(),
            AddFiles = folder => hasTokenizer = TokenizerConversion.WriteFolder(model, folder),
        };
        ConversionReport report = ModelConversion.ToFolder(model, output, options, cancellation);
        List<string> remarks = [.. report.Remarks];
        if (!hasTokenizer) remarks.Add("the model has no tokenizer, and so has the folder.");
        else if (GgufFile.IsGguf(model))
        {
            remarks.Add("tokenizer.json is made of the file's vocabulary; GGUF keeps neither normalizers nor the white space that added tokens take.");
        }

        return report with { Remarks = remarks };
    }

    /// <summary>Says on standard error which types of a .gguf file are decoded rather than computed with.</summary>
    public static void NoteDecodedTypes(string model)
    {
        if (!GgufFile.IsGguf(model)) return;
        string[] decoded = [.. ModelReader.DescribeWeights(model)!.Select(stored => stored.Type).Where(type => Enum.Parse<GgmlType>(type).IsOnlyRead())];
        if (decoded.Length == 0) return;
        Console.Error.WriteLine($"{PlainText.OneLine(model)}: no kernels are built for {string.Join(" and ", decoded)}: such tensors are decoded to F32.");
    }

    private static string NameOf(string model) => Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model)));

    private static Action<long, long> Progress()
    {
        ProgressClock clock = new();
        return (written, total) =>
        {
            if (!clock.IsDue()) return;
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"writing: {written / 1e6:F0} of {total / 1e6:F0} MB, {clock.Rate(written) / 1e6:F0} MB/s, {clock.Left(written, total)}"));
        };
    }

    private static void Print(ConversionReport report, bool json)
    {
        if (json)
        {
            JsonOutput.Write(new { report.BytesBefore, report.BytesAfter, report.Parameters, report.BitsPerWeight, Tensors = report.Stored, report.Remarks });
            return;
        }

        foreach (string remark in report.Remarks) Console.Error.WriteLine($"hadal: {remark}");
        foreach (StoredTensors stored in report.Stored)
        {
            Console.Out.WriteLine($"{stored.Type,-7} {stored.Tensors:N0} tensors, {stored.Elements:N0} elements, {stored.Bytes:N0} bytes");
        }

        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.BytesBefore:N0} bytes before, {report.BytesAfter:N0} after: {report.BitsPerWeight:F2} bits per weight"));
    }
}
