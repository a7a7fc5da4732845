using Hadal.Data.Packing;

namespace Hadal.Reinforcement.Preferences;

/// <summary>Items gone through again and again, each time in another order; what comes at a place follows from the place alone.</summary>
/// <param name="Count">Number of items.</param>
/// <param name="Seed">Decides the orders.</param>
internal readonly record struct EpochOrder(int Count, ulong Seed)
{
    /// <summary>The item at a place, counted over all passes.</summary>
    public int this[long place]
    {
        get
        {
            (long epoch, long index) = Math.DivRem(place, Count);
            return (int)new Permutation(Count, Mix.Of(Seed, (ulong)epoch))[index];
        }
    }
}
