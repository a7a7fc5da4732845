namespace Hadal.Data.Packing;

/// <summary>Pseudo-random numbers that need no state: SplitMix64's finaliser (Steele et al. 2014, variant 13 of Stafford) over a few words.</summary>
internal static class Mix
{
    public static ulong Of(ulong a, ulong b, ulong c = 0, ulong d = 0) => Finish(Finish(Finish(Finish(a) ^ b) ^ c) ^ d);

    private static ulong Finish(ulong x)
    {
        x += 0x9E3779B97F4A7C15UL;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9UL;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBUL;
        return x ^ (x >> 31);
    }
}
