namespace Hadal.Reinforcement.Sampling;

/// <summary>How much of a text was in it before.</summary>
public static class Repetition
{
    /// <summary>
    /// The share of runs of <paramref name="length"/> words that stood earlier in the text: 0 for text that never repeats a run, near 1
    /// for a loop. Runs are told apart by a 64-bit hash; the time is linear.
    /// </summary>
    /// <param name="text">Any text.</param>
    /// <param name="length">Words of a run, 1 or more.</param>
    public static double RepeatedShare(string text, int length)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        List<ulong> words = WordHashes(text);
        if (words.Count <= length) return 0;

        // The hash of a run is a polynomial of its words, which moves on by a word in constant time.
        const ulong Base = 0x9E3779B97F4A7C15UL;
        ulong leaving = 1, hash = 0;
        for (int i = 0; i < length; i++) leaving = unchecked(leaving * Base);
        HashSet<ulong> seen = [];
        int runs = 0, repeated = 0;
        for (int i = 0; i < words.Count; i++)
        {
            hash = unchecked(hash * Base + words[i] - (i >= length ? leaving * words[i - length] : 0));
            if (i < length - 1) continue;
            runs++;
            if (!seen.Add(hash)) repeated++;
        }

        return (double)repeated / runs;
    }

    // FNV-1a of each stretch between blank space.
    private static List<ulong> WordHashes(string text)
    {
        const ulong Offset = 14695981039346656037UL;
        List<ulong> words = [];
        ulong hash = Offset;
        bool within = false;
        foreach (char c in text)
        {
            if (!char.IsWhiteSpace(c))
            {
                hash = unchecked((hash ^ c) * 1099511628211UL);
                within = true;
            }
            else if (within)
            {
                words.Add(hash);
                (hash, within) = (Offset, false);
            }
        }

        if (within) words.Add(hash);
        return words;
    }
}
