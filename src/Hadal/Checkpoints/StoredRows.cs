using Hadal.Checkpoints.Safetensors;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints;

/// <summary>Rows of a checkpoint's tensor as F32: of a plain float type, or F8 times the scales of its blocks.</summary>
internal static class StoredRows
{
    private const int ElementsAtATime = 1 << 20;

    /// <summary>How many rows to read at a time, so that memory is bounded whatever the tensor's size.</summary>
    public static int AtATime(StoredTensor stored) => Math.Clamp(ElementsAtATime / stored.Shape.Last, 1, stored.Shape.Rows);

    /// <summary>Reads rows of a tensor that was checked against the model.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="config">Its config.json, for the size of blocks.</param>
    /// <param name="stored">The tensor.</param>
    /// <param name="first">First row.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="destination">Takes the rows one after the other.</param>
    public static void Read(SafetensorsCheckpoint checkpoint, ModelConfig config, StoredTensor stored, int first, int count, Span<float> destination)
    {
        CheckpointTensor tensor = checkpoint.Tensor(stored.Name);
        int columns = stored.Shape.Last;
        if (tensor.Entry.ElementType == ElementType.F8E4M3) ReadBlockScaled(checkpoint, config, tensor, first, count, columns, destination);
        else tensor.File.ReadSingle(tensor.Entry, (long)first * columns, destination[..(count * columns)]);
    }

    // Value = E4M3 * scale, in F32. One row of scales serves the rows up to the next border of blocks.
    private static void ReadBlockScaled(
        SafetensorsCheckpoint checkpoint, ModelConfig config, CheckpointTensor tensor, int first, int count, int columns, Span<float> destination)
    {
        (int blockRows, int blockColumns) = config.WeightBlockSize!.Value;
        float[] scales = new float[BlockScaling.BlockCount(columns, blockColumns)];
        for (int done = 0, rows; done < count; done += rows)
        {
            int row = first + done;
            rows = Math.Min(count - done, blockRows - row % blockRows);
            checkpoint.ReadSingle(tensor.Entry.Name + CheckpointMap.ScaleSuffix, (long)(row / blockRows) * scales.Length, scales);
            ReadOnlySpan<byte> bytes = tensor.File.ReadBytes(tensor.Entry, (long)row * columns, rows * columns);
            BlockScaling.Dequantise(bytes, scales, rows, columns, blockRows, blockColumns, destination.Slice(done * columns, rows * columns));
        }
    }
}
