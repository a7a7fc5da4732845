namespace Hadal.Numerics;

/// <summary>Sizes of what a task of the forward pass works on.</summary>
internal readonly struct AttentionForwardLayout<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public readonly int Heads;
    public readonly int Rows;
    public readonly int PaddedRows;
    public readonly int KeyDim;
    public readonly int ValueDim;
    public readonly int ValueVectors;
    public readonly int ValueStride;

    /// <summary>Whether a lane is a row, not a key.</summary>
    public readonly bool RowLanes;

    /// <summary>Sizes for <paramref name="rows"/> rows of each of so many key heads.</summary>
    /// <param name="shape">Sizes of heads.</param>
    /// <param name="heads">Key heads.</param>
    /// <param name="rows">Rows of each.</param>
    /// <param name="rowLanes">Whether a lane is a row at any number of rows.</param>
    public AttentionForwardLayout(AttentionShape shape, int heads, int rows, bool rowLanes = false)
    {
        Heads = heads;
        Rows = rows;
        PaddedRows = (rows + TSimd.Lanes - 1) / TSimd.Lanes * TSimd.Lanes;
        KeyDim = shape.KeyDim;
        ValueDim = shape.ValueDim;
        ValueVectors = (shape.ValueDim + TSimd.Lanes - 1) / TSimd.Lanes;
        ValueStride = AttentionPacking.SpreadStride(ValueVectors * TSimd.Lanes);
        RowLanes = rowLanes || AttentionRowLanes<TSimd, TVector>.IsWorthwhile(rows);
    }
}

/// <summary>What the rows of a task have gathered from some keys, in memory of the task or, between tasks, of the call.</summary>
internal readonly unsafe struct AttentionSums<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public readonly float* Output; // [heads, rows, ValueStride], not yet divided by the sum
    public readonly float* Max;    // [heads, PaddedRows]
    public readonly float* Sum;    // [heads, PaddedRows]
    private readonly AttentionForwardLayout<TSimd, TVector> _layout;

    public AttentionSums(ref TileCarver carver, AttentionForwardLayout<TSimd, TVector> layout)
        : this(
            layout, carver.Take((long)layout.Heads * layout.Rows * layout.ValueStride), carver.Take((long)layout.Heads * layout.PaddedRows),
            carver.Take((long)layout.Heads * layout.PaddedRows))
    {
    }

    private AttentionSums(AttentionForwardLayout<TSimd, TVector> layout, float* output, float* max, float* sum)
    {
        _layout = layout;
        Output = output;
        Max = max;
        Sum = sum;
    }

    /// <summary>Floats from one row of the output to the next.</summary>
    public int Stride => _layout.ValueStride;

    /// <summary>Those of the task's key head <paramref name="head"/>, counted from its first.</summary>
    public AttentionSums<TSimd, TVector> At(int head)
    {
        long first = (long)head * _layout.PaddedRows;
        return new(_layout, Output + (long)head * _layout.Rows * _layout.ValueStride, Max + first, Sum + first);
    }

    /// <summary>Nothing is gathered yet.</summary>
    public void Clear()
    {
        new Span<float>(Output, _layout.Heads * _layout.Rows * _layout.ValueStride).Clear();
        new Span<float>(Max, _layout.Heads * _layout.PaddedRows).Fill(float.NegativeInfinity);
        new Span<float>(Sum, _layout.Heads * _layout.PaddedRows).Clear();
    }

    /// <summary>
    /// Adds what row <paramref name="row"/> has gathered from later keys: m' = max(m, n), l' = l e^(m - m') + k e^(n - m'), and the outputs
    /// like the sums.
    /// </summary>
    public void Add(in AttentionSums<TSimd, TVector> later, int row)
    {
        float max = MathF.Max(Max[row], later.Max[row]);
        float mine = Max[row] == max ? 1 : VectorMath.Exp(Max[row] - max), its = later.Max[row] == max ? 1 : VectorMath.Exp(later.Max[row] - max);
        Max[row] = max;
        Sum[row] = Sum[row] * mine + later.Sum[row] * its;
        TVector a = TSimd.Broadcast(mine), b = TSimd.Broadcast(its);
        float* to = Output + (long)row * _layout.ValueStride, from = later.Output + (long)row * _layout.ValueStride;
        for (int i = 0; i < _layout.ValueVectors * TSimd.Lanes; i += TSimd.Lanes)
        {
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(from + i), b, TSimd.Multiply(TSimd.Load(to + i), a)), to + i);
        }
    }

    /// <summary>Multiplies the output of a row.</summary>
    public void Scale(int row, float factor)
    {
        TVector all = TSimd.Broadcast(factor);
        float* output = Output + (long)row * _layout.ValueStride;
        for (int i = 0; i < _layout.ValueVectors * TSimd.Lanes; i += TSimd.Lanes) TSimd.Store(TSimd.Multiply(TSimd.Load(output + i), all), output + i);
    }

    /// <summary>Divides by the sums and writes the results of one key head's <paramref name="rows"/> rows.</summary>
    public void Finish(in AttentionCall call, in AttentionSlice slice, int keyHead, int firstRow, int rows)
    {
        int valueDim = call.Shape.ValueDim;
        for (int row = 0; row < rows; row++)
        {
            (int query, int head) = slice.Place(call.Shape, keyHead, firstRow + row);
            float sum = Sum[row] == 0 ? 1 : Sum[row];
            float* source = Output + (long)row * _layout.ValueStride;
            TVector divisor = TSimd.Broadcast(sum);
            for (int i = 0; i < _layout.ValueVectors; i++)
            {
                TSimd.Store(TSimd.Divide(TSimd.Load(source + i * TSimd.Lanes), divisor), source + i * TSimd.Lanes);
            }

            AttentionPacking.CopyRow(source, call.Output.Row(query, head, valueDim), valueDim, valueDim);
            if (!call.LogSumExp.IsNull) *call.LogSumExp.Row(query, head, 1) = Max[row] + MathF.Log(sum);
        }
    }
}

/// <summary>
/// The pieces that the forward products of a task read and write, in a thread's scratch memory. Queries are kept for each key head of
/// the task; the rest is shared by them.
/// </summary>
internal readonly unsafe struct AttentionForwardTiles<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public readonly AttentionForwardLayout<TSimd, TVector> Layout;
    public readonly AttentionSums<TSimd, TVector> Total; // from all keys so far
    public readonly AttentionSums<TSimd, TVector> Chunk; // from the chunk of keys at hand
    public readonly float* Scores;                       // [rows, BlockKeys], with row lanes [BlockKeys, PaddedRows]
    public readonly float* Keys;                         // [KeyDim, BlockKeys], without row lanes
    public readonly float* Values;                       // [BlockKeys, ValueStride]
    public readonly float* WideKeys;                     // [BlockKeys, KeyDim]: narrow cached keys, widened
    public readonly float* WideValues;                   // [BlockKeys, ValueStride]: narrow cached values, widened
    public readonly float* Decay;                        // [PaddedRows]
    public readonly float* LaneSums;                     // [Lanes, Lanes]
    public readonly int* From;                           // [rows], zeros
    public readonly int* To;                             // [rows]: how many keys of the block a row sees
    public readonly CachedTiles Cached;                  // of BF16, where tiles multiply cached rows
    private readonly float* _q;                          // [heads, rows, KeyDim], with row lanes [heads, KeyDim, PaddedRows]

    /// <summary>Takes the memory.</summary>
    /// <param name="carver">Where from.</param>
    /// <param name="layout">Sizes.</param>
    /// <param name="widens">Whether cached rows are widened to F32.</param>
    /// <param name="kernels">What multiplies cached rows as they are; or null.</param>
    public AttentionForwardTiles(ref TileCarver carver, AttentionForwardLayout<TSimd, TVector> layout, bool widens, TileKernelSet? kernels)
    {
        Layout = layout;
        Total = new AttentionSums<TSimd, TVector>(ref carver, layout);
        Chunk = new AttentionSums<TSimd, TVector>(ref carver, layout);
        _q = carver.Take((long)layout.Heads * layout.PaddedRows * layout.KeyDim);
        Scores = carver.Take((long)layout.PaddedRows * AttentionPacking.BlockKeys);
        Keys = carver.Take(layout.RowLanes ? 0 : (long)layout.KeyDim * AttentionPacking.BlockKeys);
        Values = carver.Take(kernels is null ? (long)AttentionPacking.BlockKeys * layout.ValueStride : 0);
        WideKeys = carver.Take(widens ? (long)AttentionPacking.BlockKeys * layout.KeyDim : 0);
        WideValues = carver.Take(widens ? (long)AttentionPacking.BlockKeys * layout.ValueStride : 0);
        Decay = carver.Take(layout.PaddedRows);
        LaneSums = carver.Take(TSimd.Lanes * TSimd.Lanes);
        From = (int*)carver.Take(layout.Rows);
        To = (int*)carver.Take(layout.Rows);
        if (kernels is not null) Cached = new CachedTiles(ref carver, kernels, layout.PaddedRows, layout.KeyDim, layout.ValueDim);
    }

    /// <summary>The queries of the task's key head <paramref name="head"/>, counted from its first.</summary>
    public float* Q(int head) => _q + (long)head * Layout.PaddedRows * Layout.KeyDim;

    /// <summary>Loads the queries.</summary>
    public void LoadQueries(in AttentionCall call, in AttentionSlice slice, int firstHead, int firstRow)
    {
        new Span<int>(From, Layout.Rows).Clear();
        for (int head = 0; head < Layout.Heads; head++)
        {
            float* q = Q(head);
            if (Layout.RowLanes && Layout.Rows < Layout.PaddedRows) new Span<float>(q, Layout.PaddedRows * Layout.KeyDim).Clear();
            for (int row = 0, count; row < Layout.Rows; row += count)
            {
                // The heads of one query lie side by side.
                (int query, int queryHead) = slice.Place(call.Shape, firstHead + head, firstRow + row);
                count = Math.Min(Layout.Rows - row, call.Shape.Group - (firstRow + row) % call.Shape.Group);
                float* source = call.Q.Row(query, queryHead, Layout.KeyDim);
                if (Layout.RowLanes) AttentionPacking.Transpose(source, Layout.KeyDim, q + row, Layout.PaddedRows, count, Layout.KeyDim, count);
                else AttentionPacking.CopyRow(source, q + row * Layout.KeyDim, count * Layout.KeyDim, count * Layout.KeyDim);
            }
        }
    }

    /// <summary>Rounds and packs the queries of the only key head: from where they lie, if rows follow each other there.</summary>
    public void PackQueries(TileKernelSet kernels, in AttentionCall call, in AttentionSlice slice, int firstRow)
    {
        (int query, int head) = slice.Place(call.Shape, 0, firstRow);
        if (call.Q.Stride == call.Shape.Group * Layout.KeyDim)
        {
            Cached.PackQueries(kernels, Factor.Of(call.Q.Row(query, head, Layout.KeyDim), Layout.KeyDim, isInnerAdjacent: true), Layout.Rows);
            return;
        }

        LoadQueries(call, slice, 0, firstRow);
        Cached.PackQueries(kernels, Factor.Of(Q(0), Layout.PaddedRows, isInnerAdjacent: false), Layout.PaddedRows);
    }
}
