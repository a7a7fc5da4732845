namespace Hadal.Reinforcement.Tasks;

/// <summary>
/// Random numbers of one problem: SplitMix64 (Steele et al. 2014), started from a seed and the problem's index, so that problem 7 is the
/// same whether or not problems 0 to 6 were made. The algorithm is pinned: published problems stay what they are.
/// </summary>
internal struct ProblemRandom(ulong seed, ulong index)
{
    private const ulong Golden = 0x9E3779B97F4A7C15UL;

    private ulong _state = Mix(Mix(seed + Golden) ^ (index * 0xD1B54A32D192ED03UL));

    /// <summary>A whole number from 0 to <paramref name="bound"/> - 1.</summary>
    public int Below(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>A whole number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    public int Between(int least, int most) => least + (int)Math.BigMul(Next(), (ulong)((long)most - least + 1), out _);

    /// <summary>Puts items in random order (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = Below(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>The side of the fence that a key stands on: a property of the key alone.</summary>
    public static ProblemSplit SplitOf(string key)
    {
        ulong hash = 14695981039346656037UL; // FNV-1a
        foreach (char c in key) hash = (hash ^ c) * 1099511628211UL;
        return Mix(hash) >> 61 == 0 ? ProblemSplit.HeldOut : ProblemSplit.Training;
    }

    private ulong Next() => Mix(_state += Golden);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
