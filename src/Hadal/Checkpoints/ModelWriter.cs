using System.Text;
using System.Text.Json;
using Hadal.Autograd;
using Hadal.Checkpoints.Safetensors;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints;

/// <summary>
/// Writes a folder in Hugging Face layout: config.json, generation_config.json and model.safetensors, or shards with their index. The
/// folder appears whole under its name or not at all.
/// </summary>
public static class ModelWriter
{
    /// <summary>The size beyond which weights are cut into shards, as the ecosystem does by default: 5 GB.</summary>
    public const long DefaultShardBytes = 5_000_000_000;

    /// <summary>Writes a model.</summary>
    /// <param name="model">The model, loaded.</param>
    /// <param name="folder">The folder; it must not exist yet, unless <paramref name="overwrite"/>.</param>
    /// <param name="type">
    /// F32, BF16, F16, or F8E4M3: projections and experts in F8 with a scale per 128x128 block and the rest in BF16, as DeepSeek-V3 is
    /// released. By default as the matrices are held. Correction biases are always F32.
    /// </param>
    /// <param name="overwrite">
    /// Whether an existing model's folder is replaced, with all that is in it; it stays until the new one is complete. A folder with other
    /// things in it and no config.json is never replaced.
    /// </param>
    /// <param name="maxShardBytes">Largest size of one file of weights.</param>
    /// <exception cref="CheckpointException">The folder exists, or the disk refused.</exception>
    /// <exception cref="InvalidOperationException">A parameter has no memory.</exception>
    public static void Write(Transformer model, string folder, ElementType? type = null, bool overwrite = false, long maxShardBytes = DefaultShardBytes)
    {
        ArgumentNullException.ThrowIfNull(model);
        using LoadedWeights source = new(model);
        Write(source, folder, type ?? model.Embedding.Value.ElementType, overwrite, maxShardBytes);
    }

    /// <summary>Writes the weights of any source, piece by piece.</summary>
    /// <param name="source">The weights.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="stored">F32, BF16, F16 or F8E4M3.</param>
    /// <param name="overwrite">Whether an existing model's folder is replaced.</param>
    /// <param name="maxShardBytes">Largest size of one file of weights.</param>
    /// <param name="addFiles">Puts further files into the folder before it gets its name.</param>
    /// <param name="progress">Told how many of how many bytes are written, and may throw to stop.</param>
    internal static void Write(
        WeightSource source, string folder, ElementType stored, bool overwrite = false, long maxShardBytes = DefaultShardBytes,
        Action<string>? addFiles = null, Action<long, long>? progress = null)
    {
        if (stored is not (ElementType.F32 or ElementType.BF16 or ElementType.F16 or ElementType.F8E4M3))
        {
            throw new ArgumentException($"weights are written as F32, BF16, F16 or F8E4M3, not as {stored}", nameof(stored));
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxShardBytes);

        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        RequireFree(folder, target, overwrite);
        string temporary = $"{target}.{Guid.NewGuid():n}.tmp";
        try
        {
            Directory.CreateDirectory(temporary);
            WriteFiles(source, temporary, stored, maxShardBytes, progress);
            addFiles?.Invoke(temporary);
            Replace(target, temporary);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(folder, "written", e);
        }
        finally
        {
            DeleteLeftover(temporary);
        }
    }

    /// <summary>Gives a complete folder its name. The folder that had it is gone afterwards, or is back if that failed.</summary>
    internal static void Replace(string target, string temporary)
    {
        if (!Directory.Exists(target))
        {
            Directory.Move(temporary, target);
            return;
        }

        // Renames can't replace a folder that has files: the old one steps aside and is deleted last.
        string aside = $"{temporary}.old";
        Directory.Move(target, aside);
        try
        {
            Directory.Move(temporary, target);
        }
        catch
        {
            Directory.Move(aside, target);
            throw;
        }

        Directory.Delete(aside, recursive: true);
    }

    private static void RequireFree(string folder, string target, bool overwrite)
    {
        if (File.Exists(target)) throw new CheckpointException(folder, "it is a file, expected a new folder");
        if (!Directory.Exists(target) || !Directory.EnumerateFileSystemEntries(target).Any()) return;
        if (!overwrite) throw new CheckpointException(folder, "it is there already, expected a new folder");
        if (File.Exists(Path.Combine(target, "config.json"))) return;
        throw new CheckpointException(folder, "it has no config.json, expected a new folder or a model's to replace");
    }

    private static void DeleteLeftover(string temporary)
    {
        try
        {
            if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            // The caller is on its way out with the reason why the folder is incomplete; a stray temporary one is the smaller harm.
        }
    }

    private static void WriteFiles(WeightSource source, string folder, ElementType type, long maxShardBytes, Action<long, long>? progress)
    {
        Transformer model = source.Model;
        Dictionary<string, StoredTensor> byName = CheckpointMap.Required(model).Concat(CheckpointMap.Copies(model, written: true))
            .ToDictionary(stored => stored.Name, StringComparer.Ordinal);
        // The projection that merges the two inputs of a prediction module is released in BF16, and loaders have no scales for it.
        HashSet<Parameter> merges = [.. model.Modules.Select(module => module.Merge.Weight)];
        List<SafetensorsTensorSpec> specs = [];
        foreach (StoredTensor stored in byName.Values)
        {
            bool plain = type == ElementType.F8E4M3 && merges.Contains(stored.Parameter);
            ElementType elementType = plain ? ElementType.BF16 : TypeOf(stored.Parameter, type);
            specs.Add(new SafetensorsTensorSpec(stored.Name, elementType, Dimensions(stored.Shape)));
            if (elementType == ElementType.F8E4M3) specs.Add(ScalesOf(stored));
        }

        void WriteTensor(SafetensorsTensorSpec spec, Stream stream)
        {
            bool isScale = spec.Name.EndsWith(CheckpointMap.ScaleSuffix, StringComparison.Ordinal);
            StoredTensor stored = byName[isScale ? spec.Name[..^CheckpointMap.ScaleSuffix.Length] : spec.Name];
            if (isScale || spec.ElementType == ElementType.F8E4M3) WriteBlockScaled(source, stored, isScale, stream, Report);
            else WritePlain(source, stored, spec.ElementType, stream, Report);
        }

        long written = 0, total = specs.Sum(spec => spec.ByteLength);
        void Report(int bytes) => progress?.Invoke(written += bytes, total);

        if (total <= maxShardBytes)
        {
            SafetensorsWriter.Write(Path.Combine(folder, SafetensorsCheckpoint.SingleFileName), specs, WriteTensor);
        }
        else
        {
            SafetensorsWriter.WriteSharded(folder, specs, maxShardBytes, WriteTensor);
        }

        AtomicFile.Write(Path.Combine(folder, "generation_config.json"), GenerationConfig(model.Config));
        AtomicFile.Write(Path.Combine(folder, "config.json"), Encoding.UTF8.GetBytes(model.Config.ToJson(type)));
    }

    private static ElementType TypeOf(Parameter parameter, ElementType type) => type switch
    {
        _ when parameter.Kind == ParameterKind.RoutingBias => ElementType.F32,
        ElementType.F8E4M3 when parameter.Kind is not (ParameterKind.Projection or ParameterKind.Experts) => ElementType.BF16,
        _ => type,
    };

    private static SafetensorsTensorSpec ScalesOf(StoredTensor stored) => new(
        stored.Name + CheckpointMap.ScaleSuffix, ElementType.F32,
        BlockScaling.BlockCount(stored.Shape[0], BlockScaling.ReleasedBlock), BlockScaling.BlockCount(stored.Shape[1], BlockScaling.ReleasedBlock));

    private static long[] Dimensions(Shape shape) => [.. Enumerable.Range(0, shape.Rank).Select(d => (long)shape[d])];

    private static void WritePlain(WeightSource source, StoredTensor stored, ElementType type, Stream stream, Action<int> report)
    {
        (int rows, int columns, int atATime) = (stored.Shape.Rows, stored.Shape.Last, StoredRows.AtATime(stored));
        byte[] bytes = new byte[(long)atATime * columns * type.SizeInBytes()];
        float[] values = [];
        for (int row = 0; row < rows; row += atATime)
        {
            int count = Math.Min(atATime, rows - row);
            Span<byte> part = bytes.AsSpan(0, count * columns * type.SizeInBytes());
            if (!source.TryReadStored(stored.Parameter, type, stored.FirstRow + row, count, part))
            {
                if (values.Length == 0) values = new float[(long)atATime * columns];
                source.ReadRows(stored.Parameter, stored.FirstRow + row, count, values.AsSpan(0, count * columns));
                ElementConversion.FromSingle(type, values.AsSpan(0, count * columns), part);
            }

            stream.Write(part);
            report(part.Length);
        }
    }

    private static void WriteBlockScaled(WeightSource source, StoredTensor stored, bool scalesOnly, Stream stream, Action<int> report)
    {
        (int rows, int columns, int block) = (stored.Shape[0], stored.Shape[1], BlockScaling.ReleasedBlock);
        float[] values = new float[checked(Math.Min(block, rows) * columns)], scales = new float[BlockScaling.BlockCount(columns, block)];
        byte[] e4m3 = new byte[values.Length];
        for (int top = 0; top < rows; top += block)
        {
            int count = Math.Min(block, rows - top), length = count * columns;
            source.ReadRows(stored.Parameter, stored.FirstRow + top, count, values.AsSpan(0, length));
            BlockScaling.Quantise(values.AsSpan(0, length), count, columns, block, block, e4m3.AsSpan(0, length), scales);
            if (scalesOnly) SafetensorsWriter.WriteSingle(stream, ElementType.F32, scales);
            else stream.Write(e4m3, 0, length);
            report(scalesOnly ? scales.Length * sizeof(float) : length);
        }
    }

    // What text generation of other programs starts from.
    private static byte[] GenerationConfig(ModelConfig config)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            config.WriteTokenIds(writer);
            writer.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }
}
