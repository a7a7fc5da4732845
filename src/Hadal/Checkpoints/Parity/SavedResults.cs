using System.Buffers.Binary;
using Hadal.Checkpoints.Safetensors;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Parity;

/// <summary>Another implementation's results in a safetensors file: <c>input_ids</c> and whatever it saved for them.</summary>
internal sealed class SavedResults : IDisposable
{
    private readonly SafetensorsFile _file;
    private readonly HashSet<string> _unread;

    public SavedResults(string path)
    {
        _file = SafetensorsFile.Open(path);
        _unread = [.. _file.Tensors.Keys];
    }

    public IReadOnlyList<string> Unread => [.. _file.Tensors.Keys.Where(_unread.Contains)];

    public bool Has(string name) => _file.Tensors.ContainsKey(name);

    /// <summary>The token ids, [B, T], as B sequences.</summary>
    public int[][] ReadBatch(ModelConfig config)
    {
        SafetensorsEntry entry = _file.Entry("input_ids");
        if (entry.Shape.Count != 2 || entry.ElementCount == 0) throw new CheckpointException(_file.Path, $"{entry} is expected as [sequences, tokens]");
        int[] ids = ReadIntegers("input_ids", entry.ElementCount);
        int index = Array.FindIndex(ids, id => id < 0 || id >= config.VocabSize);
        if (index >= 0) throw new CheckpointException(_file.Path, $"input_ids has {ids[index]} at {index}, expected ids below vocab_size, {config.VocabSize}");
        return [.. ids.Chunk((int)entry.Shape[1])];
    }

    /// <summary>Refuses sequences that end before the last prediction module has a token to start from.</summary>
    public void RequireTokensForModules(TokenBatch batch, int modules)
    {
        int shortest = batch.Sequences.Min(sequence => sequence.Count);
        if (shortest > modules) return;
        throw new CheckpointException(
            _file.Path, $"input_ids has sequences of {shortest} tokens, expected more than the model's {modules} prediction modules");
    }

    /// <summary>A float tensor, or null if it was not saved.</summary>
    public float[]? TryReadFloats(string name, long count)
    {
        if (!Has(name)) return null;
        SafetensorsEntry entry = RequireCount(name, count);
        float[] values = new float[entry.ElementCount];
        _file.ReadSingle(entry, 0, values);
        return values;
    }

    public int[] ReadIntegers(string name, long count)
    {
        SafetensorsEntry entry = RequireCount(name, count);
        if (entry.ElementType is not (ElementType.I64 or ElementType.I32))
        {
            throw new CheckpointException(_file.Path, $"{entry} is expected as I64");
        }

        int size = entry.ElementType.SizeInBytes();
        int[] values = new int[entry.ElementCount];
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<byte> bytes = _file.ReadBytes(entry, (long)i * size, size);
            long value = size == 8 ? BinaryPrimitives.ReadInt64LittleEndian(bytes) : BinaryPrimitives.ReadInt32LittleEndian(bytes);
            values[i] = (int)Math.Clamp(value, int.MinValue, int.MaxValue);
        }

        return values;
    }

    public void Dispose() => _file.Dispose();

    private SafetensorsEntry RequireCount(string name, long count)
    {
        _unread.Remove(name);
        SafetensorsEntry entry = _file.Entry(name);
        return entry.ElementCount == count && count <= Array.MaxLength
            ? entry
            : throw new CheckpointException(_file.Path, $"{entry} has {entry.ElementCount} elements, expected {count} for this model and input_ids");
    }
}
