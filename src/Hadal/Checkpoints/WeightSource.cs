using Hadal.Checkpoints.Gguf;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints;

/// <summary>Tensors of one type in a checkpoint.</summary>
/// <param name="Type">The type's name in the checkpoint's format.</param>
/// <param name="Tensors">Number of tensors.</param>
/// <param name="Elements">Elements of them all.</param>
/// <param name="Bytes">Bytes of them all.</param>
public sealed record StoredTensors(string Type, int Tensors, long Elements, long Bytes);

/// <summary>
/// The weights of a model where they lie: in a folder, in a GGUF file or in memory. A source is checked against its configuration as a
/// whole before anything is read from it, and then gives the rows of each parameter, so that a model can be read, converted and
/// quantised without being in memory as a whole.
/// </summary>
internal abstract class WeightSource : IDisposable
{
    private readonly LatentUpRows _latentUp;

    /// <summary>Starts with a description.</summary>
    protected WeightSource(string path, Transformer model)
    {
        Path = path;
        Model = model;
        _latentUp = new LatentUpRows(ReadStoredRows);
    }

    /// <summary>The folder or file, for messages.</summary>
    public string Path { get; }

    /// <summary>The model; its parameters need not have memory.</summary>
    public Transformer Model { get; }

    /// <summary>What the checkpoint is made of, the most bytes first.</summary>
    public abstract IReadOnlyList<StoredTensors> Stored { get; }

    /// <summary>Opens a folder in Hugging Face layout or a .gguf file and checks every tensor's name, shape and type.</summary>
    /// <param name="path">The folder or file.</param>
    /// <param name="scorer">Whether it must hold a reward model rather than a language model.</param>
    /// <exception cref="ConfigurationException">The configuration is missing or can't be used.</exception>
    /// <exception cref="CheckpointException">The weights are missing or can't be used, or are those of the other kind of model.</exception>
    public static WeightSource Open(string path, bool scorer = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        WeightSource source = GgufFile.IsGguf(path) ? GgufWeights.Open(path) : FolderWeights.Open(path);
        if (source.Model.Config.IsScorer == scorer) return source;
        source.Dispose();
        throw new CheckpointException(path, scorer ? "it is a language model, expected a reward model" : "it is a reward model, expected a language model");
    }

    /// <summary>Whether an array is stored as such: of latent up-projections, either the whole is or the halves are.</summary>
    /// <param name="array">A parameter of <see cref="Model"/> or half of one.</param>
    public abstract bool Stores(Parameter array);

    /// <summary>How all parts of an array are stored; null if in several types, in one that is only converted from, or not as such.</summary>
    /// <param name="array">A parameter of <see cref="Model"/> or half of one.</param>
    public abstract ElementType? TypeOf(Parameter array);

    /// <summary>Rows of an array as F32. Where the whole of a latent up-projection is stored, its halves can be read, and the other way round.</summary>
    /// <param name="array">A parameter of <see cref="Model"/> or half of one.</param>
    /// <param name="first">First row, all dimensions but the last counted as one.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="destination">[count, columns].</param>
    public void ReadRows(Parameter array, int first, int count, Span<float> destination)
    {
        destination = destination[..(count * array.Shape.Last)];
        if (Stores(array)) ReadStoredRows(array, first, count, destination);
        else _latentUp.Read(array, first, count, destination);
    }

    /// <summary>Rows of an array in a type, as files have it; false if they are not stored in it or not as rows.</summary>
    /// <param name="array">A parameter of <see cref="Model"/> or half of one.</param>
    /// <param name="type">The type.</param>
    /// <param name="first">First row.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="destination">Takes the bytes of the rows.</param>
    public abstract bool TryReadStored(Parameter array, ElementType type, int first, int count, Span<byte> destination);

    /// <summary>Rows of an array that is stored as such.</summary>
    /// <inheritdoc cref="ReadRows"/>
    protected abstract void ReadStoredRows(Parameter array, int first, int count, Span<float> destination);

    /// <summary>Bytes of a row in a type, as files have it.</summary>
    public static int RowBytes(ElementType type, int columns) =>
        checked((int)(type.IsBlocked() ? BlockQuantisation.ByteLength(type, columns) : (long)columns * type.SizeInBytes()));

    /// <summary>Checks that tensors which only repeat others are equal to them.</summary>
    /// <exception cref="CheckpointException">One differs.</exception>
    public abstract void CheckCopies();

    /// <summary>How many rows to read at a time, so that memory is bounded whatever the parameter's size.</summary>
    public static int RowsAtATime(Parameter parameter) => Math.Clamp((1 << 20) / parameter.Shape.Last, 1, parameter.Shape.Rows);

    /// <inheritdoc/>
    public abstract void Dispose();
}
