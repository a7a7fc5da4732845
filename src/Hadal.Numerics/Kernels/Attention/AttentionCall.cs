using System.Diagnostics;

namespace Hadal.Numerics;

/// <summary>Rows of F32 in native memory; in a row the heads lie side by side.</summary>
internal readonly unsafe struct HeadRows(Matrix matrix)
{
    private readonly float* _data = matrix.F32;
    private readonly long _stride = matrix.RowStride;

    public bool IsNull => _data == null;

    /// <summary>Elements from a row to the next.</summary>
    public nint Stride => (nint)_stride;

    /// <summary>Where head <paramref name="head"/>, <paramref name="dim"/> elements long, starts in row <paramref name="row"/>.</summary>
    public float* Row(int row, int head, int dim) => _data + row * _stride + (long)head * dim;
}

/// <summary>A sequence of the call as kernels see it: plain addresses, because jobs can't hold a span of matrices.</summary>
internal unsafe struct AttentionSlice
{
    public int QueryStart;
    public int QueryCount;
    public int KeyCount;

    /// <summary>Tasks that share the rows of a piece, each with chunks of keys of its own; 1 in backward.</summary>
    public int Splits;

    /// <summary>Chunks of keys of each of them but the last, which may have fewer.</summary>
    public int ChunksPerTask;

    /// <summary>What tasks that share rows gather: for each unit and chunk <see cref="SumFloats"/>.</summary>
    public float* Sums;
    public long SumFloats;

    /// <summary>For each unit how many of its tasks are not done.</summary>
    public int* Unfinished;

    /// <summary>Number of the sequence's first task in the numbering of the whole call.</summary>
    public int FirstTask;

    public HeadRows Keys;
    public HeadRows Values;

    /// <summary>Where keys and values lie if not in <see cref="Keys"/> and <see cref="Values"/>.</summary>
    public CachedSlice Cached;

    public HeadRows KeyGradients;
    public HeadRows ValueGradients;

    /// <summary>Keys that query <paramref name="query"/> of the sequence sees.</summary>
    public readonly int Visible(int query) => KeyCount - QueryCount + query + 1;

    /// <summary>The first query of the sequence that sees key <paramref name="key"/>.</summary>
    public readonly int FirstQuery(int key) => Math.Max(0, key - (KeyCount - QueryCount));

    /// <summary>Row of the call's matrices and head where row <paramref name="row"/> of a key head lies.</summary>
    public readonly (int Query, int Head) Place(AttentionShape shape, int keyHead, int row)
    {
        (int query, int member) = Math.DivRem(row, shape.Group);
        return (QueryStart + query, keyHead * shape.Group + member);
    }
}

/// <summary>The checked arguments of one call.</summary>
internal unsafe struct AttentionCall
{
    public AttentionShape Shape;

    /// <summary>Neighbouring key heads that one task computes.</summary>
    public int HeadsPerTask;

    public AttentionSlice* Slices;
    public int SliceCount;
    public HeadRows Q;
    public HeadRows Output;
    public HeadRows LogSumExp;
    public HeadRows OutputGradient;
    public HeadRows QueryGradient;

    /// <summary>
    /// Rows of one key head in one sequence: its queries times the heads of the group, query by query. Row r is query r / Group.
    /// </summary>
    public readonly int RowCount(in AttentionSlice slice) => slice.QueryCount * Shape.Group;

    private readonly int HeadGroups => (Shape.KeyHeads + HeadsPerTask - 1) / HeadsPerTask;

    /// <summary>Groups of key heads times pieces of a sequence.</summary>
    public readonly int Units(in AttentionSlice slice, AttentionCut cut, int perTask) => HeadGroups * Pieces(slice, cut, perTask);

    /// <summary>
    /// Numbers the tasks: sequence after sequence, in it group of key heads after group, in that <c>ceil(size / perTask)</c> pieces, in
    /// each its splits.
    /// </summary>
    public readonly int NumberTasks(AttentionCut cut, int perTask)
    {
        int tasks = 0;
        for (int index = 0; index < SliceCount; index++)
        {
            Slices[index].FirstTask = tasks;
            tasks = checked(tasks + Units(Slices[index], cut, perTask) * Slices[index].Splits);
        }

        return tasks;
    }

    /// <summary>Finds the sequence, first key head, piece and split of a task.</summary>
    public readonly AttentionTask FindTask(AttentionCut cut, int perTask, int task)
    {
        int low = 0;
        int high = SliceCount - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (Slices[middle].FirstTask <= task) low = middle;
            else high = middle - 1;
        }

        int pieces = Pieces(Slices[low], cut, perTask);
        Debug.Assert(pieces > 0, "a sequence without tasks was found");
        (int unit, int split) = Math.DivRem(task - Slices[low].FirstTask, Slices[low].Splits);
        (int group, int piece) = Math.DivRem(unit, pieces);
        return new AttentionTask(low, group * HeadsPerTask, piece, pieces, unit, split);
    }

    private readonly int Pieces(in AttentionSlice slice, AttentionCut cut, int perTask)
    {
        if (slice.QueryCount == 0) return 0;
        return cut switch
        {
            AttentionCut.Rows => (RowCount(slice) + perTask - 1) / perTask,
            AttentionCut.Keys => (slice.KeyCount + perTask - 1) / perTask,
            _ => 1,
        };
    }
}

/// <summary>What the work on one key head of one sequence is cut into.</summary>
internal enum AttentionCut
{
    /// <summary>Nothing: one task.</summary>
    Whole,

    /// <summary>Ranges of query rows.</summary>
    Rows,

    /// <summary>Ranges of keys.</summary>
    Keys,
}

/// <summary>Where a task lies.</summary>
/// <param name="Slice">The sequence.</param>
/// <param name="KeyHead">The first of its key heads.</param>
/// <param name="Piece">Which piece of the work on them.</param>
/// <param name="Pieces">Of how many.</param>
/// <param name="Unit">Number of the piece among those of all groups of key heads of the sequence.</param>
/// <param name="Split">Which of the tasks that share the piece.</param>
internal readonly record struct AttentionTask(int Slice, int KeyHead, int Piece, int Pieces, int Unit, int Split);
