using Hadal.Autograd;
using Hadal.Checkpoints.Safetensors;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints;

/// <summary>
/// Reads a folder in Hugging Face layout. Every tensor of the checkpoint is read exactly once; one that is missing, left over, of another
/// shape or of a type that can't be used is an error that names it. Shapes are checked before memory is taken, so what a damaged file
/// can make this allocate is bounded by the file's own size.
/// </summary>
public static class ModelReader
{
    private const int BytesAtATime = 1 << 22;

    /// <summary>Reads config.json and describes the model, without its weights.</summary>
    /// <exception cref="ConfigurationException">config.json is missing or can't be used.</exception>
    public static Transformer Describe(string folder) => new(ModelConfig.Read(ConfigPath(folder)));

    /// <summary>Reads a model with its weights.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="matrixType">
    /// How matrices are held: F32 or BF16. By default BF16 stays BF16 and everything else becomes F32, which loses nothing. Routers are
    /// always F32.
    /// </param>
    /// <param name="trainable">Whether parameters require gradients.</param>
    /// <param name="progress">Told how many of how many parameters have been read, after each array.</param>
    /// <exception cref="ConfigurationException">config.json is missing or can't be used.</exception>
    /// <exception cref="CheckpointException">The weights are missing or can't be used.</exception>
    public static Transformer Read(
        string folder, ElementType? matrixType = null, bool trainable = false, Action<long, long>? progress = null)
    {
        if (matrixType is not (null or ElementType.F32 or ElementType.BF16))
        {
            throw new ArgumentException($"matrices are held as F32 or BF16, not as {matrixType}", nameof(matrixType));
        }

        ModelConfig config = ModelConfig.Read(ConfigPath(folder));
        using SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.Open(folder);
        RequireTensorsForLayers(checkpoint, config);
        Transformer model = new(config);
        try
        {
            (List<StoredTensor> required, List<StoredTensor> copies) = Match(checkpoint, model);
            long read = 0, total = model.Parameters.Sum(parameter => parameter.Count);
            foreach (IGrouping<Parameter, StoredTensor> parts in required.GroupBy(stored => stored.Parameter))
            {
                parts.Key.Assign(ReadParameter(checkpoint, config, parts.Key, [.. parts], matrixType, trainable));
                progress?.Invoke(read += parts.Key.Count, total);
            }

            foreach (StoredTensor copy in copies)
            {
                RequireEqual(checkpoint, config, copy, required.First(stored => stored.Parameter == copy.Parameter));
            }

            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static string ConfigPath(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return Path.Combine(folder, "config.json");
    }

    // Before the layers are described, because the description of each takes memory.
    private static void RequireTensorsForLayers(SafetensorsCheckpoint checkpoint, ModelConfig config)
    {
        long layers = config.NumHiddenLayers + ((config as DeepSeekConfig)?.NumNextnPredictLayers ?? 0L);
        if (layers <= checkpoint.Tensors.Count) return;
        throw new CheckpointException(
            checkpoint.Path, $"there are {checkpoint.Tensors.Count} tensors, expected more for the {layers} layers of config.json");
    }

    // Tensors are looked up while their names are made, so that a config.json with a billion experts ends at the first that is missing.
    private static (List<StoredTensor> Required, List<StoredTensor> Copies) Match(SafetensorsCheckpoint checkpoint, Transformer model)
    {
        List<StoredTensor> required = [], copies = [];
        HashSet<string> expected = new(StringComparer.Ordinal);
        foreach (StoredTensor stored in CheckpointMap.Required(model))
        {
            if (!checkpoint.Tensors.TryGetValue(stored.Name, out CheckpointTensor tensor))
            {
                string hint = IsOfModule(model, stored.Parameter) ? ", or num_nextn_predict_layers 0 in config.json" : "";
                throw new CheckpointException(checkpoint.Path, $"there is no tensor '{stored.Name}', expected one of shape {stored.Shape}{hint}");
            }

            CheckTensor(checkpoint, model.Config, tensor, stored, expected);
            required.Add(stored);
        }

        foreach (StoredTensor copy in CheckpointMap.Copies(model, written: false))
        {
            if (!checkpoint.Tensors.TryGetValue(copy.Name, out CheckpointTensor tensor)) continue;
            CheckTensor(checkpoint, model.Config, tensor, copy, expected);
            copies.Add(copy);
        }

        foreach ((string name, CheckpointTensor tensor) in checkpoint.Tensors)
        {
            if (expected.Contains(name) || CheckpointMap.IsDerived(name)) continue;
            throw new CheckpointException(
                tensor.File.Path,
                $"tensor {CheckpointException.Quote(name)} is unexpected: {model.Config.Architecture} of this config.json has none of that name");
        }

        return (required, copies);
    }

    private static void CheckTensor(
        SafetensorsCheckpoint checkpoint, ModelConfig config, CheckpointTensor tensor, StoredTensor stored, HashSet<string> expected)
    {
        expected.Add(stored.Name);
        RequireShape(tensor, [.. Enumerable.Range(0, stored.Shape.Rank).Select(d => (long)stored.Shape[d])]);
        ElementType type = tensor.Entry.ElementType;
        if (type == ElementType.F8E4M3 && stored.Parameter.IsMatrix) expected.Add(RequireScales(checkpoint, config, tensor, stored));
        else if (type is not (ElementType.F32 or ElementType.BF16 or ElementType.F16))
        {
            string alsoF8 = stored.Parameter.IsMatrix ? " or F8_E4M3" : "";
            throw new CheckpointException(
                tensor.File.Path, $"tensor '{stored.Name}' is {SafetensorsDtype.Name(type)}, expected F32, BF16, F16{alsoF8}");
        }
    }

    private static bool IsOfModule(Transformer model, Parameter parameter) =>
        model.Parameters.Skip(model.MainParameterCount).Contains(parameter);

    private static string RequireScales(SafetensorsCheckpoint checkpoint, ModelConfig config, CheckpointTensor tensor, StoredTensor stored)
    {
        if (config.WeightBlockSize is not { } block)
        {
            throw new CheckpointException(
                tensor.File.Path, $"tensor '{stored.Name}' is F8_E4M3, expected a quantization_config with weight_block_size in config.json");
        }

        string name = stored.Name + CheckpointMap.ScaleSuffix;
        if (!checkpoint.Tensors.TryGetValue(name, out CheckpointTensor scales))
        {
            throw new CheckpointException(tensor.File.Path, $"tensor '{stored.Name}' is F8_E4M3, expected its scales as '{name}'");
        }

        RequireShape(scales, BlockScaling.BlockCount(stored.Shape[0], block.Rows), BlockScaling.BlockCount(stored.Shape[1], block.Columns));
        if (scales.Entry.ElementType != ElementType.F32)
        {
            throw new CheckpointException(
                scales.File.Path, $"tensor '{name}' is {SafetensorsDtype.Name(scales.Entry.ElementType)}, expected F32");
        }

        return name;
    }

    private static void RequireShape(CheckpointTensor tensor, params long[] expected)
    {
        if (tensor.Entry.Shape.SequenceEqual(expected)) return;
        throw new CheckpointException(
            tensor.File.Path,
            $"tensor {CheckpointException.Quote(tensor.Entry.Name)} has shape [{string.Join(", ", tensor.Entry.Shape)}], expected [{string.Join(", ", expected)}]");
    }

    private static Tensor ReadParameter(
        SafetensorsCheckpoint checkpoint, ModelConfig config, Parameter parameter, StoredTensor[] parts, ElementType? matrixType, bool trainable)
    {
        bool allBFloat16 = parts.All(part => checkpoint.Tensor(part.Name).Entry.ElementType == ElementType.BF16);
        ElementType type = !parameter.IsNarrowable ? ElementType.F32 : matrixType ?? (allBFloat16 ? ElementType.BF16 : ElementType.F32);
        Tensor value = Tensor.Create(parameter.Shape, type, trainable && parameter.IsTrainable);
        try
        {
            foreach (StoredTensor part in parts) ReadPart(checkpoint, config, part, value);
            return value;
        }
        catch
        {
            value.Dispose();
            throw;
        }
    }

    private static void ReadPart(SafetensorsCheckpoint checkpoint, ModelConfig config, StoredTensor part, Tensor value)
    {
        CheckpointTensor tensor = checkpoint.Tensor(part.Name);
        long size = value.ElementType.SizeInBytes();
        if (tensor.Entry.ElementType == value.ElementType)
        {
            // Same format on both sides: bytes are copied as they are.
            for (long at = 0; at < tensor.Entry.ByteLength; at += BytesAtATime)
            {
                int length = (int)Math.Min(BytesAtATime, tensor.Entry.ByteLength - at);
                tensor.File.ReadBytes(tensor.Entry, at, length).CopyTo(value.Buffer.AsSpan<byte>(part.Offset * size + at, length));
            }

            return;
        }

        (int rows, int columns, int atATime) = (part.Shape.Rows, part.Shape.Last, StoredRows.AtATime(part));
        float[] values = new float[(long)atATime * columns];
        for (int row = 0; row < rows; row += atATime)
        {
            int count = Math.Min(atATime, rows - row);
            StoredRows.Read(checkpoint, config, part, row, count, values);
            Span<byte> destination = value.Buffer.AsSpan<byte>((part.Offset + (long)row * columns) * size, checked((int)(count * columns * size)));
            ElementConversion.FromSingle(value.ElementType, values.AsSpan(0, count * columns), destination);
        }
    }

    private static void RequireEqual(SafetensorsCheckpoint checkpoint, ModelConfig config, StoredTensor copy, StoredTensor original)
    {
        (int rows, int columns, int atATime) = (copy.Shape.Rows, copy.Shape.Last, StoredRows.AtATime(copy));
        float[] left = new float[(long)atATime * columns], right = new float[left.Length];
        for (int row = 0; row < rows; row += atATime)
        {
            int count = Math.Min(atATime, rows - row);
            StoredRows.Read(checkpoint, config, copy, row, count, left);
            StoredRows.Read(checkpoint, config, original, row, count, right);
            if (left.AsSpan(0, count * columns).SequenceEqual(right.AsSpan(0, count * columns))) continue;
            throw new CheckpointException(
                checkpoint.Tensor(copy.Name).File.Path,
                $"tensor '{copy.Name}' differs from '{original.Name}', expected an equal copy: the model shares one");
        }
    }
}
