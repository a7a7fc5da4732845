using System.Numerics;

namespace Hadal.Inference;

/// <summary>A set of token ids, one bit each.</summary>
internal sealed class TokenMask(int vocabulary)
{
    private readonly ulong[] _words = new ulong[(vocabulary + 63) / 64];

    /// <summary>Whether an id is in the set.</summary>
    public bool this[int token] => token < vocabulary && (_words[token >> 6] >> (token & 63) & 1) != 0;

    /// <summary>Adds an id.</summary>
    public void Add(int token) => _words[token >> 6] |= 1UL << (token & 63);

    /// <summary>Takes an id out.</summary>
    public void Remove(int token) => _words[token >> 6] &= ~(1UL << (token & 63));

    /// <summary>How many ids it has.</summary>
    public int Count
    {
        get
        {
            int count = 0;
            foreach (ulong word in _words) count += BitOperations.PopCount(word);
            return count;
        }
    }

    /// <summary>Gives all other ids the score -inf; rows of a model beyond its vocabulary are other ids.</summary>
    public void Apply(Span<float> scores)
    {
        for (int w = 0; 64 * w < scores.Length; w++)
        {
            ulong word = w < _words.Length ? _words[w] : 0;
            Span<float> block = scores.Slice(64 * w, Math.Min(64, scores.Length - 64 * w));
            if (word == 0) block.Fill(float.NegativeInfinity);
            else if (word != ulong.MaxValue) Apply(word, block);
        }
    }

    private static void Apply(ulong word, Span<float> block)
    {
        for (int i = 0; i < block.Length; i++)
        {
            if ((word >> i & 1) == 0) block[i] = float.NegativeInfinity;
        }
    }
}
