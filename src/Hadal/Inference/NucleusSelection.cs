namespace Hadal.Inference;

/// <summary>Which tokens a nucleus keeps: those of more than a weight, and of that weight those with the lowest ids.</summary>
/// <param name="Weight">The least weight kept.</param>
/// <param name="LastTie">The highest id of that weight that is kept.</param>
internal readonly record struct NucleusBound(float Weight, int LastTie)
{
    /// <summary>Keeps everything.</summary>
    public static NucleusBound None { get; } = new(0, int.MaxValue);

    /// <summary>Whether a token is in.</summary>
    public bool Keeps(float weight, int token) => weight > Weight || (weight == Weight && token <= LastTie);
}

/// <summary>
/// Finds the smallest set of the heaviest tokens that together have a given weight, in time linear in the vocabulary: a histogram over
/// the leading bits of the weights says in which bucket the set ends, and only that bucket is sorted.
/// </summary>
internal sealed class NucleusSelection
{
    // Positive floats rank as their bits do. These are the sign, the exponent and three bits of the mantissa.
    private const int DroppedBits = 20, Buckets = 1 << (32 - DroppedBits - 1);

    private readonly double[] _sums = new double[Buckets];
    private readonly List<ulong> _bucket = [];

    /// <summary>Finds where the nucleus ends.</summary>
    /// <param name="weights">None negative, one at least positive.</param>
    /// <param name="wanted">The weight to reach, more than 0.</param>
    public NucleusBound Find(ReadOnlySpan<float> weights, double wanted)
    {
        Array.Clear(_sums);
        foreach (float weight in weights) _sums[Bucket(weight)] += weight;
        double reached = 0;
        int last = Buckets - 1;
        while (last > 0 && reached + _sums[last] < wanted) reached += _sums[last--];

        // Sorted descending by weight and then ascending by id: both in one number.
        _bucket.Clear();
        for (int token = 0; token < weights.Length; token++)
        {
            if (weights[token] > 0 && Bucket(weights[token]) == last) _bucket.Add((ulong)~BitConverter.SingleToUInt32Bits(weights[token]) << 32 | (uint)token);
        }

        _bucket.Sort();
        NucleusBound bound = NucleusBound.None;
        foreach (ulong entry in _bucket)
        {
            float weight = BitConverter.UInt32BitsToSingle(~(uint)(entry >> 32));
            bound = new NucleusBound(weight, (int)(uint)entry);
            reached += weight;
            if (reached >= wanted) break;
        }

        return bound;
    }

    private static int Bucket(float weight) => (int)(BitConverter.SingleToUInt32Bits(weight) >> DroppedBits);
}
