using System.Numerics;

namespace Hadal.Tokenization.Bpe;

/// <summary>
/// What two neighbouring tokens become, and how early: an open-addressed hash table from a pair of ids to rank and merged id. Nearly all
/// of the time of encoding new words goes into <see cref="Find"/>, so a pair is one probe of one 16-byte slot in most cases.
/// </summary>
internal sealed class MergeTable
{
    /// <summary>The answer for a pair that doesn't merge: later than any rank.</summary>
    public const ulong None = ulong.MaxValue;

    private readonly Slot[] _slots;
    private readonly int _shift;

    /// <summary>Makes room for a number of pairs.</summary>
    public MergeTable(int capacity)
    {
        int bits = Math.Max(4, BitOperations.Log2((uint)Math.Max(capacity, 1)) + 2);
        _slots = new Slot[1 << bits];
        _shift = 64 - bits;
    }

    /// <summary>Number of pairs.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a pair; false if it is there already, which keeps the earlier rank.</summary>
    public bool Add(int left, int right, int rank, int merged)
    {
        ulong key = Key(left, right);
        int at = Home(key);
        while (_slots[at].Key != 0)
        {
            if (_slots[at].Key == key) return false;
            at = (at + 1) & (_slots.Length - 1);
        }

        // One slot in four stays empty, or a search would not end.
        if (++Count > _slots.Length / 4 * 3) throw new InvalidOperationException("more pairs than the table was made for");
        _slots[at] = new Slot { Key = key, Value = (ulong)(uint)rank << 32 | (uint)merged };
        return true;
    }

    /// <summary>Rank in the upper half, merged id in the lower; or <see cref="None"/>.</summary>
    public ulong Find(int left, int right)
    {
        ulong key = Key(left, right);
        Slot[] slots = _slots;
        int at = Home(key);
        while (true)
        {
            ref readonly Slot slot = ref slots[at];
            if (slot.Key == key) return slot.Value;
            if (slot.Key == 0) return None;
            at = (at + 1) & (slots.Length - 1);
        }
    }

    /// <summary>All pairs, the earliest first; those of one rank by what they make, then by their ids.</summary>
    public IReadOnlyList<(int Left, int Right, int Rank, int Merged)> InOrder() =>
    [
        .. _slots.Where(slot => slot.Key != 0)
            .Select(slot => (Left: (int)(slot.Key >> 32) - 1, Right: (int)(uint)slot.Key - 1, Rank: (int)(slot.Value >> 32), Merged: (int)(uint)slot.Value))
            .OrderBy(pair => pair.Rank).ThenBy(pair => pair.Merged).ThenBy(pair => pair.Left).ThenBy(pair => pair.Right),
    ];

    // Ids are stored plus one, so that no pair has the key of an empty slot.
    private static ulong Key(int left, int right) => (ulong)(uint)(left + 1) << 32 | (uint)(right + 1);

    private int Home(ulong key) => (int)((key ^ key >> 29) * 0x9E3779B97F4A7C15UL >> _shift);

    private struct Slot
    {
        public ulong Key;
        public ulong Value;
    }
}
