namespace Hadal.Numerics;

/// <summary>
/// The pieces that the forward products of a task read and write, in a thread's scratch memory, and the copies between them and the
/// call's matrices. What a row has gathered so far is kept for each key head of the task; the rest is shared by them.
/// </summary>
internal readonly unsafe struct AttentionForwardTiles<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public readonly float* Q { get; init; }         // [rows, KeyDim]
    public readonly float* Output { get; init; }    // [rows, ValueStride], not yet divided by the sum
    public readonly float* Max { get; init; }       // [rows]
    public readonly float* Sum { get; init; }       // [rows]
    public readonly float* Keys;                    // [KeyDim, BlockKeys]
    public readonly float* Scores;                  // [rows, BlockKeys]
    public readonly float* Values;                  // [BlockKeys, ValueStride]
    public readonly int* From;                      // [rows], zeros
    public readonly int* To;                        // [rows]: how many keys of the block a row sees
    public readonly int Rows;
    public readonly int KeyDim;
    public readonly int ValueVectors;
    public readonly int ValueStride;

    public AttentionForwardTiles(ref TileCarver carver, AttentionShape shape, int heads, int rows)
    {
        Rows = rows;
        KeyDim = shape.KeyDim;
        ValueVectors = (shape.ValueDim + TSimd.Lanes - 1) / TSimd.Lanes;
        ValueStride = AttentionPacking.SpreadStride(ValueVectors * TSimd.Lanes);
        Q = carver.Take((long)heads * rows * shape.KeyDim);
        Output = carver.Take((long)heads * rows * ValueStride);
        Max = carver.Take((long)heads * rows);
        Sum = carver.Take((long)heads * rows);
        Keys = carver.Take((long)shape.KeyDim * AttentionPacking.BlockKeys);
        Scores = carver.Take((long)rows * AttentionPacking.BlockKeys);
        Values = carver.Take((long)AttentionPacking.BlockKeys * ValueStride);
        From = (int*)carver.Take(rows);
        To = (int*)carver.Take(rows);
    }

    /// <summary>The tiles of the task's key head <paramref name="head"/>, counted from its first.</summary>
    public AttentionForwardTiles<TSimd, TVector> At(int head)
    {
        long row = (long)head * Rows;
        return this with { Q = Q + row * KeyDim, Output = Output + row * ValueStride, Max = Max + row, Sum = Sum + row };
    }

    /// <summary>Loads the queries; nothing is gathered yet.</summary>
    public void Begin(in AttentionCall call, in AttentionSlice slice, int keyHead, int firstRow)
    {
        for (int row = 0; row < Rows; row++)
        {
            (int query, int head) = slice.Place(call.Shape, keyHead, firstRow + row);
            AttentionPacking.CopyRow(call.Q.Row(query, head, KeyDim), Q + row * KeyDim, KeyDim, KeyDim);
            Max[row] = float.NegativeInfinity;
            Sum[row] = 0;
            From[row] = 0;
        }

        new Span<float>(Output, Rows * ValueStride).Clear();
    }

    /// <summary>Divides by the sums and writes the results.</summary>
    public void Finish(in AttentionCall call, in AttentionSlice slice, int keyHead, int firstRow)
    {
        int valueDim = call.Shape.ValueDim;
        for (int row = 0; row < Rows; row++)
        {
            (int query, int head) = slice.Place(call.Shape, keyHead, firstRow + row);
            float sum = Sum[row] == 0 ? 1 : Sum[row];
            float* source = Output + row * ValueStride;
            TVector divisor = TSimd.Broadcast(sum);
            for (int i = 0; i < ValueVectors; i++)
            {
                TSimd.Store(TSimd.Divide(TSimd.Load(source + i * TSimd.Lanes), divisor), source + i * TSimd.Lanes);
            }

            AttentionPacking.CopyRow(source, call.Output.Row(query, head, valueDim), valueDim, valueDim);
            if (!call.LogSumExp.IsNull) *call.LogSumExp.Row(query, head, 1) = Max[row] + MathF.Log(sum);
        }
    }
}
