using System.Buffers;

namespace Hadal.Tokenization.Bpe;

/// <summary>
/// Byte-pair encoding proper: while any two neighbours merge, merge the pair of lowest rank, the leftmost of equals. Short words look
/// for the minimum by a scan, which beats any heap; long ones use a heap over a linked list, so that a megabyte of one letter stays
/// n log n.
/// </summary>
internal static class Merger
{
    /// <summary>Words up to this length are merged by scanning.</summary>
    internal const int LongestScan = 96;

    /// <summary>Merges in place; returns how many ids are left at the front of <paramref name="ids"/>.</summary>
    public static int Merge(Span<int> ids, MergeTable merges) =>
        ids.Length <= LongestScan ? Scan(ids, merges) : Queue(ids, merges);

    private static int Scan(Span<int> ids, MergeTable merges)
    {
        int n = ids.Length;
        if (n < 2) return n;
        Span<ulong> pairs = stackalloc ulong[LongestScan];
        for (int i = 0; i + 1 < n; i++) pairs[i] = merges.Find(ids[i], ids[i + 1]);
        while (true)
        {
            // Ranks only: two pairs of one rank (equal scores) may make different tokens, and then the left one goes first.
            int best = 0;
            uint rank = (uint)(pairs[0] >> 32);
            for (int i = 1; i < n - 1; i++)
            {
                uint other = (uint)(pairs[i] >> 32);
                if (other < rank) (best, rank) = (i, other);
            }

            if (pairs[best] == MergeTable.None) return n;
            ids[best] = (int)(uint)pairs[best];
            ids[(best + 2)..n].CopyTo(ids[(best + 1)..]);
            if (best + 2 < n) pairs[(best + 1)..(n - 1)].CopyTo(pairs[best..]);
            if (--n < 2) return n;
            if (best > 0) pairs[best - 1] = merges.Find(ids[best - 1], ids[best]);
            if (best + 1 < n) pairs[best] = merges.Find(ids[best], ids[best + 1]);
        }
    }

    private static int Queue(Span<int> ids, MergeTable merges)
    {
        int n = ids.Length;
        int[] links = ArrayPool<int>.Shared.Rent(2 * n);
        ulong[] pairs = ArrayPool<ulong>.Shared.Rent(n);
        try
        {
            Span<int> next = links.AsSpan(0, n), previous = links.AsSpan(n, n);
            PriorityQueue<int, ulong> queue = new(n);
            for (int i = 0; i < n; i++)
            {
                next[i] = i + 1;
                previous[i] = i - 1;
                pairs[i] = i + 1 < n ? merges.Find(ids[i], ids[i + 1]) : MergeTable.None;
                if (pairs[i] != MergeTable.None) queue.Enqueue(i, Priority(pairs[i], i));
            }

            while (queue.TryDequeue(out int left, out ulong priority))
            {
                // An entry is stale when its pair has since become another; then what is there now is in the queue itself.
                ulong pair = pairs[left];
                if (pair == MergeTable.None || Priority(pair, left) != priority) continue;
                int right = next[left], after = next[right];
                ids[left] = (int)(uint)pair;
                pairs[right] = MergeTable.None;
                next[left] = after;
                if (after < n) previous[after] = left;
                pairs[left] = after < n ? merges.Find(ids[left], ids[after]) : MergeTable.None;
                if (pairs[left] != MergeTable.None) queue.Enqueue(left, Priority(pairs[left], left));
                int before = previous[left];
                if (before < 0) continue;
                pairs[before] = merges.Find(ids[before], ids[left]);
                if (pairs[before] != MergeTable.None) queue.Enqueue(before, Priority(pairs[before], before));
            }

            int count = 0;
            for (int i = 0; i < n; i = next[i]) ids[count++] = ids[i];
            return count;
        }
        finally
        {
            ArrayPool<int>.Shared.Return(links);
            ArrayPool<ulong>.Shared.Return(pairs);
        }
    }

    private static ulong Priority(ulong pair, int position) => (pair & 0xFFFF_FFFF_0000_0000) | (uint)position;
}
