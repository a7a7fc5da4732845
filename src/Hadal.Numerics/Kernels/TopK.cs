using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>The k best scores, in descending order; ties go to the lower index; NaN comes after -inf.</summary>
public static unsafe class TopK
{
    /// <summary>Writes the indices of the best scores, as many as <paramref name="indices"/> holds.</summary>
    /// <param name="scores">The scores.</param>
    /// <param name="indices">Receives k indices, best first.</param>
    /// <exception cref="ArgumentException">There are fewer scores than indices asked for.</exception>
    public static void Select(ReadOnlySpan<float> scores, Span<int> indices)
    {
        if (indices.Length > scores.Length)
        {
            throw new ArgumentException($"the best {indices.Length} of {scores.Length} scores were asked for", nameof(indices));
        }

        if (indices.IsEmpty) return;
        fixed (float* values = scores)
        {
            if (KernelSelection.Current == KernelKind.Reference) Reference(values, scores.Length, indices);
            else if (Vector512.IsHardwareAccelerated) Heap<Simd512, Vector512<float>>(values, scores.Length, indices);
            else if (Vector256.IsHardwareAccelerated) Heap<Simd256, Vector256<float>>(values, scores.Length, indices);
            else if (Vector128.IsHardwareAccelerated) Heap<Simd128, Vector128<float>>(values, scores.Length, indices);
            else Heap<SimdScalar, float>(values, scores.Length, indices);
        }
    }

    // Insertion into a sorted list: O(n k) at worst.
    private static void Reference(float* scores, int count, Span<int> best)
    {
        int found = 0;
        for (int i = 0; i < count; i++)
        {
            int at = found;
            while (at > 0 && RanksBefore(scores, i, best[at - 1])) at--;
            if (at == best.Length) continue;
            if (found < best.Length) found++;
            best[at..(found - 1)].CopyTo(best[(at + 1)..]);
            best[at] = i;
        }
    }

    // A heap with the worst of the best k at its root: O(n log k), and for most scores one comparison of a whole register with the
    // root's score. Sorting takes the worst off the heap again and again: O(k log k).
    private static void Heap<TSimd, TVector>(float* scores, int count, Span<int> best)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        int k = best.Length;
        for (int i = 0; i < k; i++) best[i] = i;
        for (int i = k / 2 - 1; i >= 0; i--) SiftDown(scores, best, i);
        int next = k;
        while (next < count)
        {
            // Later scores win only if strictly greater, a tie goes to the lower index. Against a NaN any number wins.
            float worst = scores[best[0]];
            int end = Math.Min(next + TSimd.Lanes, count);
            bool skip = end - next == TSimd.Lanes && !float.IsNaN(worst) &&
                !TSimd.AnyGreaterThan(TSimd.Load(scores + next), TSimd.Broadcast(worst));
            for (; !skip && next < end; next++)
            {
                if (!RanksBefore(scores, next, best[0])) continue;
                best[0] = next;
                SiftDown(scores, best, 0);
            }

            next = end;
        }

        for (int last = k - 1; last > 0; last--)
        {
            (best[0], best[last]) = (best[last], best[0]);
            SiftDown(scores, best[..last], 0);
        }
    }

    private static void SiftDown(float* scores, Span<int> heap, int at)
    {
        int moved = heap[at];
        while (2 * at + 1 < heap.Length)
        {
            int child = 2 * at + 1;
            if (child + 1 < heap.Length && RanksBefore(scores, heap[child], heap[child + 1])) child++;
            if (!RanksBefore(scores, moved, heap[child])) break;
            heap[at] = heap[child];
            at = child;
        }

        heap[at] = moved;
    }

    private static bool RanksBefore(float* scores, int i, int j)
    {
        float a = scores[i], b = scores[j];
        if (a > b) return true;
        if (a < b) return false;
        return float.IsNaN(a) == float.IsNaN(b) ? i < j : float.IsNaN(b);
    }
}
