using Hadal.Checkpoints.Gguf;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints;

/// <summary>What a conversion made.</summary>
/// <param name="BytesBefore">Bytes of the weights that were read.</param>
/// <param name="BytesAfter">Bytes of the weights that were written.</param>
/// <param name="Parameters">Numbers that were written, scales of blocks not counted.</param>
/// <param name="Stored">The tensors written, by type.</param>
/// <param name="Remarks">What was left out or other programs do otherwise: sentences.</param>
public sealed record ConversionReport(
    long BytesBefore, long BytesAfter, long Parameters, IReadOnlyList<StoredTensors> Stored, IReadOnlyList<string> Remarks)
{
    /// <summary>Bits that a parameter takes, scales included.</summary>
    public double BitsPerWeight => Parameters == 0 ? 0 : 8.0 * BytesAfter / Parameters;
}

/// <summary>How a model is written as a GGUF file.</summary>
public sealed record GgufOptions
{
    /// <summary>The type of most matrices; null keeps the type that most of the model is in, where GGUF has it, and F32 for others.</summary>
    public GgmlType? Type { get; init; }

    /// <summary>The model's name; by default the file's.</summary>
    public string? Name { get; init; }

    /// <summary>The tokenizer's keys; without them the file says that it has none.</summary>
    public IReadOnlyList<KeyValuePair<string, object>>? TokenizerKeys { get; init; }

    /// <summary>
    /// Whether multi-token-prediction modules are written too, as blocks after the last. llama.cpp refuses a deepseek2 file with tensors
    /// that it doesn't know, so by default they are left out.
    /// </summary>
    public bool KeepModules { get; init; }

    /// <summary>Told how many of how many bytes are written.</summary>
    public Action<long, long>? Progress { get; init; }
}

/// <summary>How a model is written as a folder.</summary>
public sealed record FolderOptions
{
    /// <summary>
    /// F32, BF16, F16 or F8E4M3 in DeepSeek's released layout; null keeps the type that most of the model is in, where folders have it, and
    /// F32 for others.
    /// </summary>
    public ElementType? Type { get; init; }

    /// <summary>Whether an existing model's folder is replaced.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Puts further files into the folder, before it gets its name.</summary>
    public Action<string>? AddFiles { get; init; }

    /// <summary>Told how many of how many bytes are written.</summary>
    public Action<long, long>? Progress { get; init; }
}

/// <summary>
/// Converts and quantises models between folders in Hugging Face layout and GGUF files, parameter by parameter: no more than a piece of
/// one is in memory. What is written appears whole under its name or not at all.
/// </summary>
public static class ModelConversion
{
    /// <summary>Writes a model as a GGUF file.</summary>
    /// <param name="model">A folder or a .gguf file.</param>
    /// <param name="path">The file.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellation">Stops the writing and leaves no file behind.</param>
    /// <exception cref="ConfigurationException">The model's configuration can't be used.</exception>
    /// <exception cref="CheckpointException">The model can't be read, GGUF can't say what it computes, or the file can't be written.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static ConversionReport ToGguf(string model, string path, GgufOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new GgufOptions();
        using WeightSource source = WeightSource.Open(model);
        source.CheckCopies();
        return ToGguf(source, path, options, cancellation);
    }

    /// <summary>Writes a model in memory as a GGUF file.</summary>
    /// <inheritdoc cref="ToGguf(string, string, GgufOptions?, CancellationToken)"/>
    public static ConversionReport ToGguf(Transformer model, string path, GgufOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        using LoadedWeights source = new(model);
        return ToGguf(source, path, options ?? new GgufOptions(), cancellation);
    }

    /// <summary>Writes a model as a folder.</summary>
    /// <param name="model">A folder or a .gguf file.</param>
    /// <param name="folder">The folder; it must not exist yet, unless the options say so.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellation">Stops the writing and leaves no folder behind.</param>
    /// <exception cref="ConfigurationException">The model's configuration can't be used.</exception>
    /// <exception cref="CheckpointException">The model can't be read, or the folder can't be written.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static ConversionReport ToFolder(string model, string folder, FolderOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new FolderOptions();
        using WeightSource source = WeightSource.Open(model);
        source.CheckCopies();
        ElementType type = options.Type ?? MainType(source) switch
        {
            ElementType.BF16 => ElementType.BF16,
            ElementType.F16 => ElementType.F16,
            ElementType.F8E4M3 => ElementType.F8E4M3,
            _ => ElementType.F32,
        };
        ModelWriter.Write(source, folder, type, options.Overwrite, addFiles: options.AddFiles, progress: (written, total) =>
        {
            cancellation.ThrowIfCancellationRequested();
            options.Progress?.Invoke(written, total);
        });
        IReadOnlyList<StoredTensors> stored = ModelReader.DescribeWeights(folder)!;
        bool decoded = options.Type is null && (MainType(source)?.IsBlocked() ?? true);
        return new ConversionReport(
            source.Stored.Sum(s => s.Bytes), stored.Sum(s => s.Bytes), source.Model.Parameters.Sum(p => p.Count), stored,
            decoded ? ["folders have no form for blocks of this type: the weights were decoded to F32, which loses nothing."] : []);
    }

    private static ConversionReport ToGguf(WeightSource source, string path, GgufOptions options, CancellationToken cancellation)
    {
        GgmlType type = options.Type ?? MainType(source) switch
        {
            // ggml has no F8; BF16 has the range of its scales and twice its digits.
            ElementType.BF16 or ElementType.F8E4M3 => GgmlType.BF16,
            { } stored when GgmlBlocks.OfElementType(stored) is { } same => same,
            _ => GgmlType.F32,
        };
        using GgufModelWriter writer = new(source, type, options, cancellation);
        writer.Write(path);
        StoredTensors[] written =
        [
            .. writer.Specs.GroupBy(spec => spec.Type).OrderByDescending(group => group.Sum(spec => spec.ByteLength))
                .Select(group => new StoredTensors($"{group.Key}", group.Count(), group.Sum(spec => spec.ElementCount), group.Sum(spec => spec.ByteLength))),
        ];
        return new ConversionReport(
            source.Stored.Sum(s => s.Bytes), written.Sum(s => s.Bytes), written.Sum(s => s.Elements), written, [.. Remarks(source, options)]);
    }

    private static IEnumerable<string> Remarks(WeightSource source, GgufOptions options)
    {
        foreach (string difference in GgufConfig.Differences(source.Model.Config)) yield return difference;
        if (options.Type is null && MainType(source) == ElementType.F8E4M3) yield return "GGUF has no F8: the weights were rounded to BF16; F32 would keep them whole.";
        int modules = source.Model.Modules.Count;
        if (modules == 0) yield break;
        string what = modules == 1 ? "the prediction module" : $"the {modules} prediction modules";
        yield return options.KeepModules
            ? $"{what} was kept as blocks after the last: llama.cpp refuses such a deepseek2 file."
            : $"{what} was left out: llama.cpp refuses a deepseek2 file that has one.";
    }

    // The type that most of the narrowable parameters' elements are in.
    private static ElementType? MainType(WeightSource source) => source.Model.Parameters.Where(parameter => parameter.IsNarrowable)
        .GroupBy(source.TypeOf).OrderByDescending(group => group.Sum(parameter => parameter.Count)).Select(group => group.Key).FirstOrDefault();
}
