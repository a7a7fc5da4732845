using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

/// <summary>Weights in blocks with random values, freed together.</summary>
internal sealed class BlockedWeights(int seed) : IDisposable
{
    public static readonly ElementType[] Types = [ElementType.Q8_0, ElementType.Q4_0, ElementType.Q4_K, ElementType.Q6_K, ElementType.F8Scaled];

    private readonly Random _random = new(seed);
    private readonly List<NativeBuffer> _buffers = [];

    /// <summary>A weight of random values between -1 and 1, some rows of which use every byte and scale that there is.</summary>
    public Matrix Matrix(ElementType type, int rows, int columns)
    {
        NativeBuffer buffer = new(type.ByteLength(rows, columns));
        _buffers.Add(buffer);
        Matrix matrix = new(buffer, type, 0, rows, columns);
        float[] values = new float[columns];
        byte[] blocks = new byte[BlockQuantisation.ByteLength(type, columns)];
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; i < columns; i++) values[i] = _random.NextSingle() * 2 - 1;
            WeightPanels.Quantise(matrix, row, values);
            if (row % 3 != 1 || columns == 0) continue;
            WeightPanels.Unpack(matrix, row, blocks);
            Disturb(type, blocks);
            WeightPanels.Pack(matrix, row, blocks);
        }

        return matrix;
    }

    public void Dispose()
    {
        foreach (NativeBuffer buffer in _buffers) buffer.Dispose();
    }

    // All bytes but those of F16 and F32 scales become random; in F8 no NaN.
    private void Disturb(ElementType type, byte[] blocks)
    {
        (int from, int to) = type switch
        {
            ElementType.Q4_K => (4, 144),
            ElementType.Q6_K => (0, 208),
            ElementType.F8Scaled => (4, 132),
            _ => (2, type.BlockBytes()),
        };
        for (int i = 0; i < blocks.Length; i++)
        {
            int at = i % type.BlockBytes();
            if (at < from || at >= to) continue;
            blocks[i] = (byte)_random.Next(256);
            if (type == ElementType.F8Scaled && (blocks[i] & 0x7f) == 0x7f) blocks[i]--;
        }
    }
}
