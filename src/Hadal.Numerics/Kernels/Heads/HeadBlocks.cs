using System.Numerics;

namespace Hadal.Numerics;

/// <summary>The same lanes of every head in rows of heads.</summary>
/// <param name="Rows">[tokens, ..].</param>
/// <param name="HeadStride">Lanes from one head to the next; 0 if all heads share the lanes.</param>
/// <param name="Offset">First lane in the first head.</param>
public readonly record struct HeadBlock(Matrix Rows, int HeadStride, int Offset);

/// <summary>Moves lanes of heads between layouts: what reshape, split, expand and concatenate come to.</summary>
public static unsafe class HeadBlocks
{
    private const int TokensPerPart = 16;

    /// <summary>Copies <paramref name="width"/> lanes of each head; the source may be shared by all heads.</summary>
    /// <exception cref="ArgumentException">A block leaves its rows, or the numbers of rows differ.</exception>
    public static void Copy(WorkerPool pool, HeadBlock source, HeadBlock destination, int heads, int width) =>
        Run(pool, source, destination, heads, width, accumulate: false);

    /// <summary>Adds <paramref name="width"/> lanes of each head; a shared destination receives the heads in ascending order.</summary>
    /// <exception cref="ArgumentException">A block leaves its rows, or the numbers of rows differ.</exception>
    public static void Accumulate(WorkerPool pool, HeadBlock source, HeadBlock destination, int heads, int width) =>
        Run(pool, source, destination, heads, width, accumulate: true);

    private static void Run(WorkerPool pool, HeadBlock source, HeadBlock destination, int heads, int width, bool accumulate)
    {
        Check(source, heads, width);
        Check(destination, heads, width);
        if (source.Rows.Rows != destination.Rows.Rows)
        {
            throw new ArgumentException($"{source.Rows.Rows} source rows and {destination.Rows.Rows} destination rows", nameof(source));
        }

        Job job = new(source, destination, heads, width, accumulate);
        pool.Run(ref job, (source.Rows.Rows + TokensPerPart - 1) / TokensPerPart);
        GC.KeepAlive(source.Rows.Buffer);
        GC.KeepAlive(destination.Rows.Buffer);
    }

    private static void Check(HeadBlock block, int heads, int width)
    {
        if (heads < 1 || width < 0 || block.Offset < 0 || block.HeadStride < 0 ||
            (long)(heads - 1) * block.HeadStride + block.Offset + width > block.Rows.Columns)
        {
            throw new ArgumentException(
                $"{heads} heads of {width} lanes from lane {block.Offset}, {block.HeadStride} apart, leave rows of {block.Rows.Columns}", nameof(block));
        }
    }

    private readonly struct Job(HeadBlock source, HeadBlock destination, int heads, int width, bool accumulate) : IParallelJob
    {
        private readonly float* _source = source.Rows.F32 + source.Offset, _destination = destination.Rows.F32 + destination.Offset;

        public void Execute(int part)
        {
            int end = Math.Min(source.Rows.Rows, (part + 1) * TokensPerPart);
            for (int t = part * TokensPerPart; t < end; t++)
            {
                for (int h = 0; h < heads; h++)
                {
                    ReadOnlySpan<float> from = new(_source + t * source.Rows.RowStride + h * source.HeadStride, width);
                    Span<float> to = new(_destination + t * destination.Rows.RowStride + h * destination.HeadStride, width);
                    if (accumulate) Add(from, to);
                    else from.CopyTo(to);
                }
            }
        }

        private static void Add(ReadOnlySpan<float> from, Span<float> to)
        {
            int i = 0;
            for (; i <= from.Length - Vector<float>.Count; i += Vector<float>.Count)
            {
                (new Vector<float>(to[i..]) + new Vector<float>(from[i..])).CopyTo(to[i..]);
            }

            for (; i < from.Length; i++) to[i] += from[i];
        }
    }
}
