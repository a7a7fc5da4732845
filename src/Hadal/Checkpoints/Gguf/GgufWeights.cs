using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Gguf;

/// <summary>
/// The weights of a GGUF file. Every tensor of the file belongs to a parameter or repeats one; one that is missing, left over or of
/// another shape is an error that names it.
/// </summary>
internal sealed class GgufWeights : WeightSource
{
    private readonly GgufFile _file;
    private readonly Dictionary<Parameter, GgufPart> _parts = [];
    private readonly List<(GgufTensor Tensor, Parameter Original)> _copies = [];

    private GgufWeights(GgufFile file, Transformer model) : base(file.Path, model)
    {
        _file = file;
        Match();
    }

    /// <summary>The file's keys.</summary>
    public GgufMetadata Metadata => _file.Metadata;

    /// <inheritdoc/>
    public override IReadOnlyList<StoredTensors> Stored => StoredIn(_file);

    /// <summary>Opens a file.</summary>
    public static GgufWeights Open(string path)
    {
        GgufFile file = GgufFile.Open(path);
        try
        {
            ModelConfig config = GgufConfigReader.Read(file);
            long layers = config.NumHiddenLayers + ((config as DeepSeekConfig)?.NumNextnPredictLayers ?? 0L);
            if (layers > file.Tensors.Count)
            {
                throw new CheckpointException(path, $"there are {file.Tensors.Count} tensors, expected more for {layers} layers");
            }

            return new GgufWeights(file, new Transformer(config));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>What a file is made of, the most bytes first.</summary>
    public static IReadOnlyList<StoredTensors> StoredIn(GgufFile file) =>
    [
        .. file.Tensors.Values.GroupBy(tensor => tensor.Type).OrderByDescending(type => type.Sum(t => t.ByteLength))
            .Select(type => new StoredTensors($"{type.Key}", type.Count(), type.Sum(t => t.ElementCount), type.Sum(t => t.ByteLength))),
    ];

    /// <inheritdoc/>
    public override bool Stores(Parameter array) => _parts.ContainsKey(array);

    /// <inheritdoc/>
    public override ElementType? TypeOf(Parameter array)
    {
        Parameter[] parts = Stores(array) ? [array] : array.LatentUp is { } up && up.Whole == array ? [up.Keys, up.Values] : [];
        GgmlType[] types = [.. parts.Select(part => _file.Tensors[_parts[part].Name].Type).Distinct()];
        return types.Length == 1 ? GgmlBlocks.ElementType(types[0]) : null;
    }

    /// <inheritdoc/>
    protected override void ReadStoredRows(Parameter array, int first, int count, Span<float> destination)
    {
        GgufPart part = _parts[array];
        GgufTensor tensor = _file.Tensors[part.Name];
        int columns = array.Shape.Last;
        if (part.Layout == GgufLayout.Same)
        {
            _file.ReadRows(tensor, first, count, destination);
        }
        else if (array.Shape.Rank == 1)
        {
            float[] bias = new float[columns];
            _file.ReadRows(tensor, 0, 1, bias);
            for (int i = 0; i < columns; i++) destination[i] = bias[Interleaving(array).InFile(i)];
        }
        else
        {
            for (int i = 0; i < count; i++) _file.ReadRows(tensor, Interleaving(array).InFile(first + i), 1, destination.Slice(i * columns, columns));
        }
    }

    /// <inheritdoc/>
    public override bool TryReadStored(Parameter array, ElementType type, int first, int count, Span<byte> destination)
    {
        if (!Stores(array) || TypeOf(array) != type || array.Shape.Rank == 1) return false;
        GgufPart part = _parts[array];
        GgufTensor tensor = _file.Tensors[part.Name];
        int bytes = checked((int)tensor.Type.RowBytes(tensor.RowLength));
        if (part.Layout == GgufLayout.Same) _file.ReadBytes(tensor, (long)first * bytes, count * bytes).CopyTo(destination);
        else
        {
            HeadInterleaving order = Interleaving(array);
            for (int i = 0; i < count; i++) _file.ReadBytes(tensor, (long)order.InFile(first + i) * bytes, bytes).CopyTo(destination[(i * bytes)..]);
        }

        return true;
    }

    /// <inheritdoc/>
    public override void CheckCopies()
    {
        foreach ((GgufTensor tensor, Parameter original) in _copies)
        {
            float[] left = new float[original.Shape.Last], right = new float[left.Length];
            for (int row = 0; row < original.Shape.Rows; row++)
            {
                _file.ReadRows(tensor, row, 1, left);
                ReadRows(original, row, 1, right);
                if (left.AsSpan().SequenceEqual(right)) continue;
                throw new CheckpointException(
                    Path, $"tensor '{tensor.Name}' differs from '{_parts[original].Name}', expected an equal copy: the model shares one");
            }
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _file.Dispose();

    private HeadInterleaving Interleaving(Parameter parameter) =>
        new(GgufNames.HeadsToInterleave(parameter, Model.Config), parameter.Shape.Rank == 1 ? parameter.Shape.Last : parameter.Shape.Rows);

    private void Match()
    {
        bool split = GgufConfigReader.IsSplit(_file);
        HashSet<string> expected = new(StringComparer.Ordinal);
        if (Model.Config.Rope.Kind == RopeKind.Llama3) expected.Add(GgufNames.RotaryFactors);
        foreach (Parameter parameter in Model.Parameters)
        {
            foreach (GgufPart part in GgufNames.Parts(parameter, Model.Config, split))
            {
                if (!_file.Tensors.TryGetValue(part.Name, out GgufTensor? tensor))
                {
                    throw new CheckpointException(Path, $"there is no tensor '{part.Name}', expected one of dimensions [{string.Join(", ", part.Dimensions)}]");
                }

                RequireDimensions(tensor, part.Dimensions);
                expected.Add(part.Name);
                _parts.Add(part.Array, part);
            }
        }

        foreach ((string name, Parameter original) in GgufNames.Copies(Model))
        {
            if (!_file.Tensors.TryGetValue(name, out GgufTensor? tensor)) continue;
            RequireDimensions(tensor, _parts[original].Dimensions);
            expected.Add(name);
            _copies.Add((tensor, original));
        }

        foreach (string name in _file.Tensors.Keys)
        {
            if (expected.Contains(name)) continue;
            throw new CheckpointException(
                Path, $"tensor {CheckpointException.Quote(name)} is unexpected: {Model.Config.Architecture} with these keys has none of that name");
        }
    }

    private void RequireDimensions(GgufTensor tensor, IReadOnlyList<long> expected)
    {
        if (tensor.Dimensions.SequenceEqual(expected)) return;
        throw new CheckpointException(
            Path, $"tensor '{tensor.Name}' has dimensions [{string.Join(", ", tensor.Dimensions)}], expected [{string.Join(", ", expected)}]");
    }
}

/// <summary>The order of rows in which the halves of each head alternate.</summary>
/// <param name="Heads">Number of heads.</param>
/// <param name="Rows">Rows of all heads.</param>
internal readonly record struct HeadInterleaving(int Heads, int Rows)
{
    private int Dimension => Rows / Heads;

    /// <summary>Where a row of the model lies in the file.</summary>
    public int InFile(int row)
    {
        int within = row % Dimension, half = Dimension / 2;
        return row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
    }

    /// <summary>Which row of the model a row of the file is: the inverse of <see cref="InFile"/>.</summary>
    public int InModel(int row)
    {
        int within = row % Dimension;
        return row - within + within / 2 + within % 2 * (Dimension / 2);
    }
}
