using Hadal.Autograd;

namespace Hadal.Models;

/// <summary>
/// The tokens of one forward pass: several sequences one after the other, each at its own positions, each with its own cache or none.
/// Attention never crosses from one sequence into another, so packed documents are sequences too.
/// </summary>
public sealed class TokenBatch
{
    internal TokenBatch(int[] ids, int[] positions, SequenceRows[] sequences, IReadOnlyList<KvCache> caches)
    {
        Ids = ids;
        Positions = positions;
        Sequences = sequences;
        Caches = caches;
    }

    /// <summary>Token ids, sequence after sequence.</summary>
    public IReadOnlyList<int> Ids { get; }

    /// <summary>Position of each token in its sequence.</summary>
    public IReadOnlyList<int> Positions { get; }

    /// <summary>Rows of each sequence.</summary>
    public IReadOnlyList<SequenceRows> Sequences { get; }

    /// <summary>The cache of each sequence; empty when nothing is cached.</summary>
    public IReadOnlyList<KvCache> Caches { get; }

    /// <summary>Number of tokens.</summary>
    public int Count => Ids.Count;

    internal int[] IdArray => (int[])Ids;

    internal int[] PositionArray => (int[])Positions;

    internal SequenceRows[] SequenceArray => (SequenceRows[])Sequences;

    /// <summary>Whole sequences from position 0 on, nothing cached.</summary>
    /// <exception cref="ArgumentException">There is no sequence, or one is empty.</exception>
    public static TokenBatch Of(params ReadOnlySpan<int[]> sequences) => Build(sequences, []);

    /// <summary>The next tokens of cached sequences: sequence i continues <paramref name="caches"/>[i].</summary>
    /// <exception cref="ArgumentException">There is no sequence, one is empty, or the numbers of sequences and caches differ.</exception>
    public static TokenBatch Continue(ReadOnlySpan<int[]> sequences, IReadOnlyList<KvCache> caches)
    {
        ArgumentNullException.ThrowIfNull(caches);
        if (caches.Count != sequences.Length || caches.Distinct().Count() != caches.Count)
        {
            throw new ArgumentException($"{sequences.Length} sequences need as many different caches, found {caches.Count}", nameof(caches));
        }

        return Build(sequences, caches);
    }

    private static TokenBatch Build(ReadOnlySpan<int[]> sequences, IReadOnlyList<KvCache> caches)
    {
        if (sequences.IsEmpty) throw new ArgumentException("a batch needs at least one sequence", nameof(sequences));
        List<int> ids = [], positions = [];
        SequenceRows[] rows = new SequenceRows[sequences.Length];
        for (int s = 0; s < sequences.Length; s++)
        {
            if (sequences[s].Length == 0) throw new ArgumentException($"sequence {s} is empty", nameof(sequences));
            rows[s] = new SequenceRows(ids.Count, sequences[s].Length);
            int first = caches.Count > 0 ? caches[s].Length : 0;
            for (int i = 0; i < sequences[s].Length; i++)
            {
                ids.Add(sequences[s][i]);
                positions.Add(first + i);
            }
        }

        return new TokenBatch([.. ids], [.. positions], rows, caches);
    }
}
