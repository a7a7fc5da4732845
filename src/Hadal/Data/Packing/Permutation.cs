using System.Numerics;

namespace Hadal.Data.Packing;

/// <summary>
/// A pseudo-random permutation of 0..count-1 that is computed element by element, so a shuffle needs no memory and its position is one
/// number. A Feistel network permutes the smallest power of four that holds the range (Luby and Rackoff 1988); walking along a cycle
/// until it is back in the range makes that a permutation of the range (Black and Rogaway 2002), in fewer than four steps on average.
/// </summary>
internal readonly struct Permutation
{
    private const int Rounds = 6;

    private readonly ulong _key;
    private readonly long _count;
    private readonly int _halfBits;

    /// <param name="count">How many elements; 1 to 2^62.</param>
    /// <param name="key">Which permutation.</param>
    public Permutation(long count, ulong key)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 1L << 62);
        _count = count;
        _key = key;
        _halfBits = Math.Max(1, (BitOperations.Log2((ulong)count - 1 | 1) + 2) / 2);
    }

    /// <summary>Where an element goes.</summary>
    public long this[long index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, _count);
            ulong at = (ulong)index;
            do at = Encrypt(at);
            while (at >= (ulong)_count);
            return (long)at;
        }
    }

    private ulong Encrypt(ulong value)
    {
        ulong mask = (1UL << _halfBits) - 1, left = value >> _halfBits, right = value & mask;
        for (int round = 0; round < Rounds; round++) (left, right) = (right, left ^ (Mix.Of(_key, (ulong)round, right) & mask));
        return left << _halfBits | right;
    }
}
