using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Gguf;

/// <summary>Writes a model as a GGUF file that llama.cpp and its relatives read, parameter by parameter from any source.</summary>
internal sealed class GgufModelWriter : IDisposable
{
    // ggml's version of its block formats.
    private const uint QuantisationVersion = 2;
    private const int ElementsAtATime = 1 << 20;

    private readonly WeightSource _source;
    private readonly ModelConfig _config;
    private readonly GgmlType _type;
    private readonly GgufOptions _options;
    private readonly CancellationToken _cancellation;
    private readonly Dictionary<string, GgufPart> _parts;
    private readonly List<GgufTensorSpec> _specs = [];
    private readonly WorkerPool _workers = new();
    private readonly long _total;
    private long _written;

    /// <summary>Plans a file.</summary>
    /// <param name="source">The weights.</param>
    /// <param name="type">The type of most matrices.</param>
    /// <param name="options">The rest.</param>
    /// <param name="cancellation">Stops the writing.</param>
    public GgufModelWriter(WeightSource source, GgmlType type, GgufOptions options, CancellationToken cancellation)
    {
        (_source, _type, _options, _cancellation) = (source, type, options, cancellation);
        _config = options.KeepModules || source.Model.Config is not DeepSeekConfig config ? source.Model.Config : config with { NumNextnPredictLayers = 0 };
        IEnumerable<Parameter> parameters = options.KeepModules ? source.Model.Parameters : source.Model.Parameters.Take(source.Model.MainParameterCount);
        _parts = parameters.SelectMany(parameter => GgufNames.Parts(parameter, _config)).ToDictionary(part => part.Name, StringComparer.Ordinal);
        if (GgufRope.Factors(_config.Rope, GgufConfig.RotaryDimension(_config)) is { } factors)
        {
            _specs.Add(new GgufTensorSpec(GgufNames.RotaryFactors, GgmlType.F32, factors.Length));
        }

        foreach (GgufPart part in _parts.Values) _specs.Add(new GgufTensorSpec(part.Name, GgufTypes.Of(part, _type), part.Dimensions));
        _total = _specs.Sum(spec => spec.ByteLength);
    }

    /// <summary>The tensors of the file.</summary>
    public IReadOnlyList<GgufTensorSpec> Specs => _specs;

    /// <summary>Writes the file.</summary>
    /// <exception cref="CheckpointException">GGUF can't say what the model computes, a number is not finite, or the disk refused.</exception>
    public void Write(string path) => GgufWriter.Write(path, Keys(path), _specs, (spec, stream) => WriteTensor(path, spec, stream));

    /// <inheritdoc/>
    public void Dispose() => _workers.Dispose();

    private List<KeyValuePair<string, object>> Keys(string path) =>
    [
        new("general.architecture", GgufConfig.Architecture(_config)),
        new("general.type", "model"),
        new("general.name", _options.Name ?? System.IO.Path.GetFileNameWithoutExtension(path)),
        new("general.file_type", FileType(_type)),
        new("general.quantization_version", QuantisationVersion),
        .. GgufConfig.Keys(_config, path),
        .. _options.TokenizerKeys ?? [new("tokenizer.ggml.model", "no_vocab")],
        new(GgufConfig.Note, _config.ToJson(ElementType.BF16)),
    ];

    private void WriteTensor(string path, GgufTensorSpec spec, Stream stream)
    {
        if (!_parts.TryGetValue(spec.Name, out GgufPart? part))
        {
            float[] factors = GgufRope.Factors(_config.Rope, GgufConfig.RotaryDimension(_config))!;
            Encode(path, spec, factors, 1, factors.Length, stream);
            return;
        }

        if (part.Layout == GgufLayout.Interleaved && part.Array.Shape.Rank == 1) WriteInterleavedBias(path, spec, part.Array, stream);
        else WriteRows(path, spec, part, stream);
    }

    private void WriteRows(string path, GgufTensorSpec spec, GgufPart part, Stream stream)
    {
        Parameter array = part.Array;
        (int rows, int columns) = (array.Shape.Rows, array.Shape.Last);
        int atATime = Math.Clamp(ElementsAtATime / columns, 1, rows), rowBytes = checked((int)spec.Type.RowBytes(columns));
        ElementType type = GgmlBlocks.ElementType(spec.Type)!.Value;
        HeadInterleaving? order = part.Layout == GgufLayout.Interleaved ? new(GgufNames.HeadsToInterleave(array, _config), rows) : null;
        byte[] bytes = new byte[atATime * rowBytes];
        float[] values = [];
        for (int row = 0; row < rows; row += atATime)
        {
            int count = Math.Min(atATime, rows - row);
            if (TryCopy(array, type, order, row, count, bytes.AsSpan(0, count * rowBytes)))
            {
                stream.Write(bytes, 0, count * rowBytes);
                Report(count * rowBytes);
                continue;
            }

            if (values.Length == 0) values = new float[atATime * columns];
            if (order is null) _source.ReadRows(array, row, count, values.AsSpan(0, count * columns));
            else
            {
                for (int i = 0; i < count; i++) _source.ReadRows(array, order.Value.InModel(row + i), 1, values.AsSpan(i * columns, columns));
            }

            Encode(path, spec, values, count, columns, stream);
        }
    }

    private bool TryCopy(Parameter parameter, ElementType type, HeadInterleaving? order, int row, int count, Span<byte> bytes)
    {
        if (order is null) return _source.TryReadStored(parameter, type, row, count, bytes);
        int rowBytes = bytes.Length / count;
        for (int i = 0; i < count; i++)
        {
            if (!_source.TryReadStored(parameter, type, order.Value.InModel(row + i), 1, bytes.Slice(i * rowBytes, rowBytes))) return false;
        }

        return true;
    }

    private void WriteInterleavedBias(string path, GgufTensorSpec spec, Parameter parameter, Stream stream)
    {
        int length = parameter.Shape.Last;
        float[] model = new float[length], file = new float[length];
        _source.ReadRows(parameter, 0, 1, model);
        HeadInterleaving order = new(GgufNames.HeadsToInterleave(parameter, _config), length);
        for (int i = 0; i < length; i++) file[i] = model[order.InModel(i)];
        Encode(path, spec, file, 1, length, stream);
    }

    private void Encode(string path, GgufTensorSpec spec, float[] values, int rows, int columns, Stream stream)
    {
        byte[] bytes = new byte[checked((int)(rows * spec.Type.RowBytes(columns)))];
        try
        {
            Encoding encoding = new(spec.Type, values, bytes, columns);
            _workers.Run(ref encoding, rows);
        }
        catch (ArgumentException e)
        {
            throw new CheckpointException(path, $"tensor '{spec.Name}' can't be written as {spec.Type}: {e.Message}", e);
        }

        stream.Write(bytes);
        Report(bytes.Length);
    }

    private void Report(long bytes)
    {
        _cancellation.ThrowIfCancellationRequested();
        _options.Progress?.Invoke(_written += bytes, _total);
    }

    // Row by row: no block spans two of them, so the bytes don't depend on who encodes which.
    private readonly struct Encoding(GgmlType type, float[] values, byte[] bytes, int columns) : IParallelJob
    {
        public void Execute(int part)
        {
            int rowBytes = (int)type.RowBytes(columns);
            GgmlBlocks.FromSingle(type, values.AsSpan(part * columns, columns), bytes.AsSpan(part * rowBytes, rowBytes));
        }
    }

    // llama.cpp's names for what a file mostly is; it only prints them.
    private static uint FileType(GgmlType type) => type switch
    {
        GgmlType.F32 => 0,
        GgmlType.F16 => 1,
        GgmlType.Q4_0 => 2,
        GgmlType.Q8_0 => 7,
        GgmlType.Q4_K => 14,
        GgmlType.Q6_K => 18,
        _ => 32,
    };
}
