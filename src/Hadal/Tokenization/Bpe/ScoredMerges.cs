using System.Runtime.InteropServices;
using System.Text;

namespace Hadal.Tokenization.Bpe;

/// <summary>
/// Merges that a vocabulary implies: any two neighbours that together spell a token merge, the best-scored token first. That is how
/// SentencePiece (scores) and tiktoken (ranks, which are ids) store BPE; as a table of pairs they run like any other.
/// </summary>
internal sealed class ScoredMerges
{
    private readonly Dictionary<int, int> _ids = [];

    /// <param name="vocabulary">Names and ids.</param>
    /// <param name="pieces">The tokens that text may spell.</param>
    /// <param name="scores">Score of every id, the highest merged first.</param>
    public ScoredMerges(Vocabulary vocabulary, int[] pieces, IReadOnlyList<float> scores)
    {
        bool[] isPiece = new bool[vocabulary.Size];
        foreach (int id in pieces) isPiece[id] = true;
        Symbols = CharacterSymbols.Of(vocabulary, id => isPiece[id]);
        Unnamed = [];
        int next = vocabulary.Size;
        int[] byScore = [.. pieces.OrderByDescending(id => scores[id])];
        List<(int Left, int Right, int Rank, int Merged)> merges = new(pieces.Length * 4);
        int rank = -1;
        float last = float.NaN;
        foreach (int merged in byScore)
        {
            // Equal scores are one rank, among which the leftmost pair wins.
            if (scores[merged] != last) (rank, last) = (rank + 1, scores[merged]);
            string name = vocabulary[merged]!;
            for (int cut = 1; cut < name.Length; cut++)
            {
                if (char.IsLowSurrogate(name[cut])) continue;
                int left = Part(name.AsSpan(0, cut)), right = Part(name.AsSpan(cut));
                if (left >= 0 && right >= 0) merges.Add((left, right, rank, merged));
            }
        }

        Table = new MergeTable(merges.Count);
        foreach ((int left, int right, int at, int merged) in merges) Table.Add(left, right, at, merged);

        // A character that is part of tokens but no token itself gets an id beyond the vocabulary, which only merges.
        int Part(ReadOnlySpan<char> part)
        {
            int id = vocabulary.Find(part);
            if (id >= 0 && isPiece[id]) return id;
            if (Rune.DecodeFromUtf16(part, out Rune rune, out int length) != System.Buffers.OperationStatus.Done || length != part.Length)
            {
                return -1;
            }
            ref int known = ref CollectionsMarshal.GetValueRefOrAddDefault(_ids, rune.Value, out bool exists);
            if (exists) return known;
            known = next++;
            Unnamed.Add(known, rune.Value);
            Symbols[rune.Value] = known;
            return known;
        }
    }

    /// <summary>The merges.</summary>
    public MergeTable Table { get; }

    /// <summary>Ids of characters.</summary>
    public CharacterSymbols Symbols { get; }

    /// <summary>Which characters the ids beyond the vocabulary are.</summary>
    public Dictionary<int, int> Unnamed { get; }
}
