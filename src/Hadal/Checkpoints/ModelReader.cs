using Hadal.Autograd;
using Hadal.Checkpoints.Gguf;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints;

/// <summary>
/// Reads a model from a folder in Hugging Face layout or from a GGUF file. Every tensor of the checkpoint is read exactly once; one that
/// is missing, left over, of another shape or of a type that can't be used is an error that names it. Shapes are checked before memory
/// is taken, so what a damaged file can make this allocate is bounded by the file's own size.
/// </summary>
public static class ModelReader
{
    private const int BytesAtATime = 1 << 22;

    /// <summary>Reads a model's configuration and describes it, without its weights.</summary>
    /// <param name="path">A folder with config.json, or a .gguf file.</param>
    /// <exception cref="ConfigurationException">The configuration is missing or can't be used.</exception>
    /// <exception cref="CheckpointException">The GGUF file can't be used.</exception>
    public static Transformer Describe(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!GgufFile.IsGguf(path)) return new Transformer(ModelConfig.Read(Path.Combine(path, "config.json")));
        using GgufWeights weights = GgufWeights.Open(path);
        return weights.Model;
    }

    /// <summary>What a model's weights are made of: tensors by type, the most bytes first; null where there are none.</summary>
    /// <param name="path">A folder with config.json, or a .gguf file.</param>
    /// <exception cref="CheckpointException">The weights can't be used.</exception>
    public static IReadOnlyList<StoredTensors>? DescribeWeights(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (GgufFile.IsGguf(path))
        {
            using GgufFile file = GgufFile.Open(path);
            return GgufWeights.StoredIn(file);
        }

        string[] names = [Safetensors.SafetensorsCheckpoint.SingleFileName, Safetensors.SafetensorsCheckpoint.IndexFileName];
        if (!names.Any(name => File.Exists(Path.Combine(path, name)))) return null;
        using Safetensors.SafetensorsCheckpoint checkpoint = Safetensors.SafetensorsCheckpoint.Open(path);
        return FolderWeights.StoredIn(checkpoint);
    }

    /// <summary>Reads a model with its weights.</summary>
    /// <param name="path">A folder with config.json and safetensors, or a .gguf file.</param>
    /// <param name="matrixType">
    /// How matrices are held (<see cref="MatrixTypes.For"/>). By default BF16 stays BF16, blocks of a type that products know stay what they
    /// are, and everything else becomes F32, which loses nothing. As F8Scaled, matrices of an F8 checkpoint keep its bytes and factors. Rows
    /// are converted as they are read, a few at a time.
    /// </param>
    /// <param name="trainable">Whether parameters require gradients; not those that are held in blocks. By default none is then.</param>
    /// <param name="progress">Told how many of how many parameters have been read, after each array.</param>
    /// <exception cref="ConfigurationException">The configuration is missing or can't be used.</exception>
    /// <exception cref="CheckpointException">The weights are missing or can't be used.</exception>
    public static Transformer Read(string path, ElementType? matrixType = null, bool trainable = false, Action<long, long>? progress = null)
    {
        if (matrixType is { } wanted) MatrixTypes.Require(wanted);
        using WeightSource source = WeightSource.Open(path);
        return Read(source, matrixType, trainable, progress);
    }

    /// <summary>Reads a reward model with its weights.</summary>
    /// <inheritdoc cref="Read(string, ElementType?, bool, Action{long, long}?)"/>
    internal static Transformer ReadScorer(string path, ElementType? matrixType, bool trainable)
    {
        using WeightSource source = WeightSource.Open(path, scorer: true);
        return Read(source, matrixType, trainable, progress: null);
    }

    private static Transformer Read(WeightSource source, ElementType? matrixType, bool trainable, Action<long, long>? progress)
    {
        using WorkerPool workers = new(matrixType?.IsBlocked() == true ? 0 : 1);
        Transformer model = source.Model;
        try
        {
            long read = 0, total = model.Parameters.Sum(parameter => parameter.Count);
            foreach (Parameter parameter in model.Parameters)
            {
                parameter.Assign(ReadParameter(source, parameter, matrixType, trainable, workers));
                progress?.Invoke(read += parameter.Count, total);
            }

            source.CheckCopies();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static List<Tensor> ReadParameter(WeightSource source, Parameter parameter, ElementType? matrixType, bool trainable, WorkerPool workers)
    {
        List<Tensor> values = [];
        try
        {
            foreach ((Parameter array, ElementType type) in ArraysOf(source, parameter, matrixType, trainable))
            {
                Tensor value = Tensor.Create(array.Shape, type, trainable && parameter.IsTrainable && !type.IsBlocked());
                values.Add(value);
                if (!TryCopy(source, array, value)) Convert(source, array, value, workers);
            }

            return values;
        }
        catch
        {
            foreach (Tensor value in values) value.Dispose();
            throw;
        }
    }

    private static IReadOnlyList<(Parameter Array, ElementType Type)> ArraysOf(
        WeightSource source, Parameter parameter, ElementType? matrixType, bool trainable)
    {
        if (matrixType is { } wanted) return MatrixTypes.Arrays(parameter, wanted);
        if (parameter.LatentUp is { } up && source.Stores(up.Keys))
        {
            (ElementType keys, ElementType values) = (Kept(up.Keys), Kept(up.Values));
            if (keys.IsBlocked() || values.IsBlocked()) return [(up.Keys, keys), (up.Values, values)];
        }

        return [(parameter, Kept(parameter))];

        ElementType Kept(Parameter array)
        {
            bool keeps = source.TypeOf(array) is { } stored && (stored == ElementType.BF16 || (stored.IsBlocked() && !trainable));
            return MatrixTypes.For(array, keeps ? source.TypeOf(array)!.Value : ElementType.F32);
        }
    }

    // Same format on both sides: what is stored is taken as it is, and blocks are only put into the order of products.
    private static bool TryCopy(WeightSource source, Parameter parameter, Tensor value)
    {
        ElementType type = value.ElementType;
        int rows = parameter.Shape.Rows, bytes = WeightSource.RowBytes(type, parameter.Shape.Last), atATime = Math.Clamp(BytesAtATime / bytes, 1, rows);
        byte[] blocks = type.IsBlocked() ? new byte[atATime * bytes] : [];
        for (int row = 0; row < rows; row += atATime)
        {
            int count = Math.Min(atATime, rows - row);
            Span<byte> destination = type.IsBlocked() ? blocks.AsSpan(0, count * bytes) : value.Buffer.AsSpan<byte>((long)row * bytes, count * bytes);
            if (!source.TryReadStored(parameter, type, row, count, destination)) return false;
            if (type.IsBlocked()) WeightPanels.Pack(value.AsMatrix(), row, destination);
        }

        return true;
    }

    private static void Convert(WeightSource source, Parameter parameter, Tensor value, WorkerPool workers)
    {
        int rows = parameter.Shape.Rows, columns = parameter.Shape.Last, atATime = WeightSource.RowsAtATime(parameter);
        float[] values = new float[(long)atATime * columns];
        for (int row = 0; row < rows; row += atATime)
        {
            int count = Math.Min(atATime, rows - row);
            source.ReadRows(parameter, row, count, values.AsSpan(0, count * columns));
            if (!value.ElementType.IsBlocked())
            {
                int bytes = WeightSource.RowBytes(value.ElementType, columns);
                ElementConversion.FromSingle(value.ElementType, values.AsSpan(0, count * columns), value.Buffer.AsSpan<byte>((long)row * bytes, checked(count * bytes)));
                continue;
            }

            try
            {
                Quantising quantising = new(values, columns, value.AsMatrix(), row);
                workers.Run(ref quantising, count);
            }
            catch (ArgumentException e)
            {
                throw new CheckpointException(source.Path, $"{parameter.Name} can't be held as {value.ElementType}: {e.Message}", e);
            }
        }
    }

    private readonly struct Quantising(float[] values, int columns, Matrix destination, int first) : IParallelJob
    {
        public void Execute(int part) => WeightPanels.Quantise(destination, first + part, values.AsSpan(part * columns, columns));
    }
}
