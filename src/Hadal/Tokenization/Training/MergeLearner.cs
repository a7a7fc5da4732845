using System.Runtime.InteropServices;
using System.Text;

namespace Hadal.Tokenization.Training;

/// <summary>
/// Learns merges from counted words: again and again the most frequent pair of neighbours becomes a token. Of equally frequent pairs the
/// greater wins, comparing the bytes of the left parts, then of the right ones. Counts are kept up to date pair by pair, so a merge
/// costs no more than the words it changes.
/// </summary>
internal sealed class MergeLearner
{
    private readonly List<byte[]> _tokens = [];
    private readonly List<int[]> _words = [];
    private readonly List<long> _wordCounts = [];
    private readonly Dictionary<(int Left, int Right), Pair> _pairs = [];
    private readonly PriorityQueue<(int Left, int Right), Standing> _queue;

    /// <summary>Starts with single bytes, whose numbers are their values.</summary>
    public MergeLearner(Dictionary<string, long> words)
    {
        for (int b = 0; b < 256; b++) _tokens.Add([(byte)b]);
        foreach ((string word, long count) in words)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(word);
            if (bytes.Length < 2) continue;
            _words.Add(Array.ConvertAll(bytes, b => (int)b));
            _wordCounts.Add(count);
            CountPairs(_words.Count - 1, 1, null);
        }

        _queue = new PriorityQueue<(int, int), Standing>(Comparer<Standing>.Create(Compare));
        foreach (((int, int) pair, Pair entry) in _pairs) _queue.Enqueue(pair, new Standing(entry.Count, pair));
    }

    /// <summary>Bytes of the tokens: the 256 single ones, then the merged ones.</summary>
    public IReadOnlyList<byte[]> Tokens => _tokens;

    /// <summary>Merges the next pair; false when no two neighbours are left.</summary>
    public bool TryMerge(out int left, out int right)
    {
        while (_queue.TryDequeue(out (int Left, int Right) pair, out Standing standing))
        {
            (left, right) = pair;
            if (!_pairs.TryGetValue(pair, out Pair? entry)) continue;
            // Counts only fall once a pair is queued, so it is enough to look again when it comes up.
            if (entry.Count == 0) _pairs.Remove(pair);
            else if (entry.Count != standing.Count) _queue.Enqueue(pair, new Standing(entry.Count, pair));
            if (entry.Count != standing.Count || entry.Count == 0) continue;
            Merge(pair, entry);
            return true;
        }

        left = right = -1;
        return false;
    }

    private void Merge((int Left, int Right) pair, Pair entry)
    {
        int merged = _tokens.Count;
        _tokens.Add([.. _tokens[pair.Left], .. _tokens[pair.Right]]);
        HashSet<(int, int)> created = [];
        foreach (int word in entry.Words)
        {
            int[] old = _words[word];
            if (!Contains(old, pair)) continue;
            CountPairs(word, -1, null);
            int length = 0;
            int[] joined = new int[old.Length];
            for (int i = 0; i < old.Length; i++)
            {
                bool joins = i + 1 < old.Length && old[i] == pair.Left && old[i + 1] == pair.Right;
                joined[length++] = joins ? merged : old[i];
                if (joins) i++;
            }

            _words[word] = joined[..length];
            CountPairs(word, 1, created);
        }

        foreach ((int, int) one in created)
        {
            if (_pairs.TryGetValue(one, out Pair? counted)) _queue.Enqueue(one, new Standing(counted.Count, one));
        }
    }

    // Adds a word's pairs to the counts, or takes them away. Pairs that are new go into a list.
    private void CountPairs(int word, int sign, HashSet<(int, int)>? created)
    {
        int[] tokens = _words[word];
        long count = sign * _wordCounts[word];
        int newest = _tokens.Count - 1;
        for (int i = 0; i + 1 < tokens.Length; i++)
        {
            (int, int) key = (tokens[i], tokens[i + 1]);
            ref Pair? pair = ref CollectionsMarshal.GetValueRefOrAddDefault(_pairs, key, out _);
            pair ??= new Pair();
            pair.Count += count;
            bool isNew = created is null || tokens[i] == newest || tokens[i + 1] == newest;
            if (sign > 0 && isNew && (pair.Words.Count == 0 || pair.Words[^1] != word)) pair.Words.Add(word);
            if (sign > 0 && isNew) created?.Add(key);
        }
    }

    private static bool Contains(int[] tokens, (int Left, int Right) pair)
    {
        for (int i = 0; i + 1 < tokens.Length; i++)
        {
            if (tokens[i] == pair.Left && tokens[i + 1] == pair.Right) return true;
        }

        return false;
    }

    // The greatest first: a queue gives out the least.
    private int Compare(Standing x, Standing y)
    {
        if (x.Count != y.Count) return y.Count.CompareTo(x.Count);
        int left = _tokens[y.Pair.Left].AsSpan().SequenceCompareTo(_tokens[x.Pair.Left]);
        return left != 0 ? left : _tokens[y.Pair.Right].AsSpan().SequenceCompareTo(_tokens[x.Pair.Right]);
    }

    private readonly record struct Standing(long Count, (int Left, int Right) Pair);

    private sealed class Pair
    {
        public long Count;
        public List<int> Words = [];
    }
}
