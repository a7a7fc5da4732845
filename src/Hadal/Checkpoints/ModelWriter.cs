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
        ElementType stored = type ?? model.Embedding.Value.ElementType;
        if (stored is not (ElementType.F32 or ElementType.BF16 or ElementType.F16 or ElementType.F8E4M3))
        {
            throw new ArgumentException($"weights are written as F32, BF16, F16 or F8E4M3, not as {stored}", nameof(type));
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxShardBytes);
        foreach (Parameter parameter in model.Parameters) _ = parameter.Value;

        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        RequireFree(folder, target, overwrite);
        string temporary = $"{target}.{Guid.NewGuid():n}.tmp";
        try
        {
            Directory.CreateDirectory(temporary);
            WriteFiles(model, temporary, stored, maxShardBytes);
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

    private static void WriteFiles(Transformer model, string folder, ElementType type, long maxShardBytes)
    {
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
            if (isScale || spec.ElementType == ElementType.F8E4M3) WriteBlockScaled(stored, isScale, stream);
            else WritePlain(stored, spec.ElementType, stream);
        }

        if (specs.Sum(spec => spec.ByteLength) <= maxShardBytes)
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

    private static void WritePlain(StoredTensor stored, ElementType type, Stream stream)
    {
        float[] row = new float[stored.Shape.Last];
        for (int r = 0; r < stored.Shape.Rows; r++)
        {
            ReadRows(stored, r, 1, row);
            SafetensorsWriter.WriteSingle(stream, type, row);
        }
    }

    private static void WriteBlockScaled(StoredTensor stored, bool scalesOnly, Stream stream)
    {
        (int rows, int columns, int block) = (stored.Shape[0], stored.Shape[1], BlockScaling.ReleasedBlock);
        float[] values = new float[checked(Math.Min(block, rows) * columns)], scales = new float[BlockScaling.BlockCount(columns, block)];
        byte[] e4m3 = new byte[values.Length];
        for (int top = 0; top < rows; top += block)
        {
            int count = Math.Min(block, rows - top), length = count * columns;
            ReadRows(stored, top, count, values.AsSpan(0, length));
            BlockScaling.Quantise(values.AsSpan(0, length), count, columns, block, block, e4m3.AsSpan(0, length), scales);
            if (scalesOnly) SafetensorsWriter.WriteSingle(stream, ElementType.F32, scales);
            else stream.Write(e4m3, 0, length);
        }
    }

    private static void ReadRows(StoredTensor stored, int first, int count, Span<float> destination)
    {
        Tensor value = stored.Parameter.Value;
        int size = value.ElementType.SizeInBytes();
        long start = (stored.Offset + (long)first * stored.Shape.Last) * size;
        ElementConversion.ToSingle(value.ElementType, value.Buffer.AsSpan<byte>(start, checked(count * stored.Shape.Last * size)), destination);
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
