namespace Hadal.Numerics;

/// <summary>
/// The pieces of one block of keys and one block of rows that the backward products read and write, in a thread's scratch memory,
/// and the copies between them and the call's matrices.
/// </summary>
internal readonly unsafe struct AttentionBackwardTiles<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int Block = AttentionPacking.BlockKeys;

    public readonly float* KeyColumns;          // [KeyDim, Block]
    public readonly float* ValueColumns;        // [ValueDim, Block]
    public readonly float* Keys;                // [Block, KeyStride]
    public readonly float* KeyGradients;        // [Block, KeyStride]
    public readonly float* ValueGradients;      // [Block, ValueStride]
    public readonly float* Q;                   // [Block, KeyStride]
    public readonly float* QueryGradients;      // [Block, KeyStride]
    public readonly float* OutputGradients;     // [Block, ValueStride]
    public readonly float* Weights;             // [Block rows, Block keys]: P
    public readonly float* ScoreGradients;      // [Block rows, Block keys]: dS
    public readonly float* LogSumExp;           // [Block]
    public readonly float* Delta;               // [Block]: dO·O of each row
    public readonly int* FirstKey;              // [Block], zeros: a row sees keys from the first
    public readonly int* EndKey;                // [Block]: to here
    public readonly int* FirstRow;              // [Block]: a key is seen from this row
    public readonly int* EndRow;                // [Block]: to the last
    public readonly int KeyVectors;
    public readonly int KeyStride;
    public readonly int ValueVectors;
    public readonly int ValueStride;

    public AttentionBackwardTiles(ref TileCarver carver, AttentionShape shape)
    {
        KeyVectors = (shape.KeyDim + TSimd.Lanes - 1) / TSimd.Lanes;
        KeyStride = AttentionPacking.SpreadStride(KeyVectors * TSimd.Lanes);
        ValueVectors = (shape.ValueDim + TSimd.Lanes - 1) / TSimd.Lanes;
        ValueStride = AttentionPacking.SpreadStride(ValueVectors * TSimd.Lanes);
        KeyColumns = carver.Take((long)shape.KeyDim * Block);
        ValueColumns = carver.Take((long)shape.ValueDim * Block);
        Keys = carver.Take((long)Block * KeyStride);
        KeyGradients = carver.Take((long)Block * KeyStride);
        ValueGradients = carver.Take((long)Block * ValueStride);
        Q = carver.Take((long)Block * KeyStride);
        QueryGradients = carver.Take((long)Block * KeyStride);
        OutputGradients = carver.Take((long)Block * ValueStride);
        Weights = carver.Take(Block * Block);
        ScoreGradients = carver.Take(Block * Block);
        LogSumExp = carver.Take(Block);
        Delta = carver.Take(Block);
        FirstKey = (int*)carver.Take(Block);
        EndKey = (int*)carver.Take(Block);
        FirstRow = (int*)carver.Take(Block);
        EndRow = (int*)carver.Take(Block);
    }

    /// <summary>Loads keys and values as columns, and the keys also as they are if query gradients are wanted.</summary>
    public void LoadKeys(in AttentionSlice slice, AttentionShape shape, int keyHead, int firstKey, int keys, bool natural)
    {
        int padded = (keys + TSimd.Lanes - 1) / TSimd.Lanes * TSimd.Lanes;
        float* source = slice.Keys.Row(firstKey, keyHead, shape.KeyDim);
        AttentionPacking.Transpose(source, slice.Keys.Stride, KeyColumns, AttentionPacking.BlockKeys, keys, shape.KeyDim, padded);
        AttentionPacking.Transpose(
            slice.Values.Row(firstKey, keyHead, shape.ValueDim), slice.Values.Stride, ValueColumns, AttentionPacking.BlockKeys, keys, shape.ValueDim,
            padded);
        if (!natural) return;
        for (int key = 0; key < keys; key++)
        {
            AttentionPacking.CopyRow(source + key * slice.Keys.Stride, Keys + key * KeyStride, shape.KeyDim, KeyVectors * TSimd.Lanes);
        }
    }

    public void LoadRows(in AttentionCall call, in AttentionSlice slice, int keyHead, int firstRow, int rows)
    {
        AttentionShape shape = call.Shape;
        for (int row = 0; row < rows; row++)
        {
            (int query, int head) = slice.Place(shape, keyHead, firstRow + row);
            float* gradient = OutputGradients + row * ValueStride;
            AttentionPacking.CopyRow(
                call.Q.Row(query, head, shape.KeyDim), Q + row * KeyStride, shape.KeyDim, KeyVectors * TSimd.Lanes);
            AttentionPacking.CopyRow(
                call.OutputGradient.Row(query, head, shape.ValueDim), gradient, shape.ValueDim, ValueVectors * TSimd.Lanes);
            Delta[row] = Dot(gradient, call.Output.Row(query, head, shape.ValueDim), shape.ValueDim);

            LogSumExp[row] = Shift(*call.LogSumExp.Row(query, head, 1));
            FirstKey[row] = 0;
        }
    }

    /// <summary>What is subtracted from scores. Of a row without any weight infinity: e^(score - inf) is 0 for every score.</summary>
    public static float Shift(float logSumExp) => float.IsNegativeInfinity(logSumExp) ? float.PositiveInfinity : logSumExp;

    /// <summary>Loads what the matrix holds so far: the chain over the keys goes on from there.</summary>
    public void LoadQueryGradients(in AttentionCall call, in AttentionSlice slice, int keyHead, int firstRow, int rows)
    {
        for (int row = 0; row < rows; row++)
        {
            (int query, int head) = slice.Place(call.Shape, keyHead, firstRow + row);
            AttentionPacking.CopyRow(
                call.QueryGradient.Row(query, head, call.Shape.KeyDim), QueryGradients + row * KeyStride, call.Shape.KeyDim,
                KeyVectors * TSimd.Lanes);
        }
    }

    public void StoreQueryGradients(in AttentionCall call, in AttentionSlice slice, int keyHead, int firstRow, int rows)
    {
        for (int row = 0; row < rows; row++)
        {
            (int query, int head) = slice.Place(call.Shape, keyHead, firstRow + row);
            AttentionPacking.CopyRow(
                QueryGradients + row * KeyStride, call.QueryGradient.Row(query, head, call.Shape.KeyDim), call.Shape.KeyDim,
                call.Shape.KeyDim);
        }
    }

    public void ClearKeyGradients()
    {
        new Span<float>(KeyGradients, Block * KeyStride).Clear();
        new Span<float>(ValueGradients, Block * ValueStride).Clear();
    }

    /// <summary>Adds the sums to the matrices, keys before values: the two may be views of the same rows.</summary>
    public void AddKeyGradients(in AttentionSlice slice, AttentionShape shape, int keyHead, int firstKey, int keys)
    {
        for (int key = 0; key < keys; key++)
        {
            AddRow(KeyGradients + key * KeyStride, slice.KeyGradients.Row(firstKey + key, keyHead, shape.KeyDim), shape.KeyDim);
            AddRow(ValueGradients + key * ValueStride, slice.ValueGradients.Row(firstKey + key, keyHead, shape.ValueDim), shape.ValueDim);
        }
    }

    /// <summary>The product of two rows.</summary>
    public static float Dot(float* a, float* b, int length)
    {
        TVector sums = TSimd.Zero;
        int i = 0;
        for (; i + TSimd.Lanes <= length; i += TSimd.Lanes) sums = TSimd.MultiplyAdd(TSimd.Load(a + i), TSimd.Load(b + i), sums);
        float sum = TSimd.Sum(sums);
        for (; i < length; i++) sum = SimdScalar.MultiplyAdd(a[i], b[i], sum);
        return sum;
    }

    /// <summary>Adds a row to another.</summary>
    public static void AddRow(float* source, float* destination, int length)
    {
        int i = 0;
        for (; i + TSimd.Lanes <= length; i += TSimd.Lanes)
        {
            TSimd.Store(TSimd.Add(TSimd.Load(destination + i), TSimd.Load(source + i)), destination + i);
        }

        for (; i < length; i++) destination[i] += source[i];
    }
}
