using System.Buffers.Binary;
using Hadal.Checkpoints.Safetensors;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints;

/// <summary>
/// The weights of a folder in Hugging Face layout. Every tensor of the checkpoint belongs to a parameter or repeats one; one that is
/// missing, left over, of another shape or of a type that can't be used is an error that names it.
/// </summary>
internal sealed class FolderWeights : WeightSource
{
    private readonly SafetensorsCheckpoint _checkpoint;
    private readonly Dictionary<Parameter, StoredTensor[]> _parts;
    private readonly List<StoredTensor> _copies = [];

    private FolderWeights(SafetensorsCheckpoint checkpoint, Transformer model) : base(checkpoint.Path, model)
    {
        _checkpoint = checkpoint;
        _parts = Match().GroupBy(stored => stored.Parameter).ToDictionary(parts => parts.Key, parts => parts.ToArray());
    }

    /// <inheritdoc/>
    public override IReadOnlyList<StoredTensors> Stored => StoredIn(_checkpoint);

    /// <summary>Opens a folder.</summary>
    public static FolderWeights Open(string folder)
    {
        ModelConfig config = ModelConfig.Read(System.IO.Path.Combine(folder, "config.json"));
        SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.Open(folder);
        try
        {
            RequireTensorsForLayers(checkpoint, config);
            return new FolderWeights(checkpoint, new Transformer(config));
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>What a checkpoint is made of, the most bytes first.</summary>
    public static IReadOnlyList<StoredTensors> StoredIn(SafetensorsCheckpoint checkpoint) =>
    [
        .. checkpoint.Tensors.Values.GroupBy(tensor => tensor.Entry.ElementType).OrderByDescending(type => type.Sum(t => t.Entry.ByteLength))
            .Select(type => new StoredTensors($"{type.Key}", type.Count(), type.Sum(t => t.Entry.ElementCount), type.Sum(t => t.Entry.ByteLength))),
    ];

    /// <inheritdoc/>
    public override bool Stores(Parameter array) => _parts.ContainsKey(array);

    /// <inheritdoc/>
    public override ElementType? TypeOf(Parameter array)
    {
        if (!Stores(array)) return null;
        ElementType[] types = [.. _parts[array].Select(part => _checkpoint.Tensor(part.Name).Entry.ElementType).Distinct()];
        return types.Length == 1 ? types[0] : null;
    }

    /// <inheritdoc/>
    protected override void ReadStoredRows(Parameter array, int first, int count, Span<float> destination)
    {
        int columns = array.Shape.Last;
        foreach ((StoredTensor part, int row, int rows) in Ranges(array, first, count))
        {
            StoredRows.Read(_checkpoint, Model.Config, part, row, rows, destination[..(rows * columns)]);
            destination = destination[(rows * columns)..];
        }
    }

    /// <inheritdoc/>
    public override bool TryReadStored(Parameter array, ElementType type, int first, int count, Span<byte> destination)
    {
        if (!Stores(array)) return false;
        ElementType? stored = TypeOf(array);
        bool scaled = type == ElementType.F8Scaled && stored == ElementType.F8E4M3 && KeepsFactors(array);
        if (!scaled && (stored != type || type == ElementType.F8E4M3)) return false;
        int bytes = RowBytes(type, array.Shape.Last);
        foreach ((StoredTensor part, int row, int rows) in Ranges(array, first, count))
        {
            CheckpointTensor tensor = _checkpoint.Tensor(part.Name);
            if (scaled) ReadScaled(part, tensor, row, rows, destination);
            else tensor.File.ReadBytes(tensor.Entry, (long)row * bytes, rows * bytes).CopyTo(destination);
            destination = destination[(rows * bytes)..];
        }

        return true;
    }

    // Factors of any number of rows can be repeated for each row, but their columns must be those of the type in memory.
    private bool KeepsFactors(Parameter parameter) =>
        Model.Config.WeightBlockSize is { Columns: BlockScaling.ReleasedBlock } && parameter.Shape.Last % BlockScaling.ReleasedBlock == 0;

    private void ReadScaled(StoredTensor part, CheckpointTensor tensor, int first, int count, Span<byte> destination)
    {
        int columns = part.Shape.Last, blocks = columns / BlockScaling.ReleasedBlock, blockRows = Model.Config.WeightBlockSize!.Value.Rows;
        float[] factors = new float[blocks];
        for (int row = first; row < first + count; row++)
        {
            if (row == first || row % blockRows == 0) _checkpoint.ReadSingle(part.Name + CheckpointMap.ScaleSuffix, (long)(row / blockRows) * blocks, factors);
            ReadOnlySpan<byte> e4m3 = tensor.File.ReadBytes(tensor.Entry, (long)row * columns, columns);
            foreach (float factor in factors)
            {
                BinaryPrimitives.WriteSingleLittleEndian(destination, factor);
                e4m3[..BlockScaling.ReleasedBlock].CopyTo(destination[sizeof(float)..]);
                e4m3 = e4m3[BlockScaling.ReleasedBlock..];
                destination = destination[(sizeof(float) + BlockScaling.ReleasedBlock)..];
            }
        }
    }

    /// <inheritdoc/>
    public override void CheckCopies()
    {
        foreach (StoredTensor copy in _copies)
        {
            (int rows, int columns, int atATime) = (copy.Shape.Rows, copy.Shape.Last, RowsAtATime(copy.Parameter));
            float[] left = new float[(long)atATime * columns], right = new float[left.Length];
            for (int row = 0; row < rows; row += atATime)
            {
                int count = Math.Min(atATime, rows - row);
                StoredRows.Read(_checkpoint, Model.Config, copy, row, count, left);
                ReadRows(copy.Parameter, row, count, right);
                if (left.AsSpan(0, count * columns).SequenceEqual(right.AsSpan(0, count * columns))) continue;
                throw new CheckpointException(
                    _checkpoint.Tensor(copy.Name).File.Path,
                    $"tensor '{copy.Name}' differs from '{_parts[copy.Parameter][0].Name}', expected an equal copy: the model shares one");
            }
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _checkpoint.Dispose();

    // The rows of stacked experts, cut where one expert ends.
    private IEnumerable<(StoredTensor Part, int Row, int Rows)> Ranges(Parameter parameter, int first, int count)
    {
        StoredTensor[] parts = _parts[parameter];
        int each = parts[0].Shape.Rows;
        for (int done = 0, rows; done < count; done += rows)
        {
            int row = (first + done) % each;
            rows = Math.Min(count - done, each - row);
            yield return (parts[(first + done) / each], row, rows);
        }
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
    private List<StoredTensor> Match()
    {
        List<StoredTensor> required = [];
        HashSet<string> expected = new(StringComparer.Ordinal);
        foreach (StoredTensor stored in CheckpointMap.Required(Model))
        {
            if (!_checkpoint.Tensors.TryGetValue(stored.Name, out CheckpointTensor tensor))
            {
                string hint = IsOfModule(stored.Parameter) ? ", or num_nextn_predict_layers 0 in config.json" : "";
                throw new CheckpointException(Path, $"there is no tensor '{stored.Name}', expected one of shape {stored.Shape}{hint}");
            }

            CheckTensor(tensor, stored, expected);
            required.Add(stored);
        }

        foreach (StoredTensor copy in CheckpointMap.Copies(Model, written: false))
        {
            if (!_checkpoint.Tensors.TryGetValue(copy.Name, out CheckpointTensor tensor)) continue;
            CheckTensor(tensor, copy, expected);
            _copies.Add(copy);
        }

        foreach ((string name, CheckpointTensor tensor) in _checkpoint.Tensors)
        {
            if (expected.Contains(name) || CheckpointMap.IsDerived(name)) continue;
            throw new CheckpointException(
                tensor.File.Path,
                $"tensor {CheckpointException.Quote(name)} is unexpected: {Model.Config.Architecture} of this config.json has none of that name");
        }

        return required;
    }

    private void CheckTensor(CheckpointTensor tensor, StoredTensor stored, HashSet<string> expected)
    {
        expected.Add(stored.Name);
        RequireShape(tensor, [.. Enumerable.Range(0, stored.Shape.Rank).Select(d => (long)stored.Shape[d])]);
        ElementType type = tensor.Entry.ElementType;
        if (type == ElementType.F8E4M3 && stored.Parameter.IsMatrix) expected.Add(RequireScales(tensor, stored));
        else if (type is not (ElementType.F32 or ElementType.BF16 or ElementType.F16))
        {
            string alsoF8 = stored.Parameter.IsMatrix ? " or F8_E4M3" : "";
            throw new CheckpointException(
                tensor.File.Path, $"tensor '{stored.Name}' is {SafetensorsDtype.Name(type)}, expected F32, BF16, F16{alsoF8}");
        }
    }

    private bool IsOfModule(Parameter parameter) => Model.Parameters.Skip(Model.MainParameterCount).Contains(parameter);

    private string RequireScales(CheckpointTensor tensor, StoredTensor stored)
    {
        if (Model.Config.WeightBlockSize is not { } block)
        {
            throw new CheckpointException(
                tensor.File.Path, $"tensor '{stored.Name}' is F8_E4M3, expected a quantization_config with weight_block_size in config.json");
        }

        string name = stored.Name + CheckpointMap.ScaleSuffix;
        if (!_checkpoint.Tensors.TryGetValue(name, out CheckpointTensor scales))
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
}
