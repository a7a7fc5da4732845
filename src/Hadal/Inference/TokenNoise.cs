using System.Runtime.CompilerServices;

namespace Hadal.Inference;

/// <summary>
/// Random numbers of a sequence, as a function and not as a stream: what a token gets depends on the seed, its place in the sequence and
/// its id, and on nothing that was drawn before. So a sequence that is interrupted, forked, rewound or drafted ahead draws the same again.
/// </summary>
/// <remarks>
/// Place and seed choose where in its period of 2^64 SplitMix64 (Steele, Lea and Flood 2014) begins, and a token takes the output that
/// its id counts from there.
/// </remarks>
internal static class TokenNoise
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    /// <summary>Where the numbers of a place begin.</summary>
    public static ulong Key(long seed, long position) => Mix(Mix((ulong)seed + Golden) ^ (ulong)position * 0xD1B54A32D192ED03);

    /// <summary>A number of 53 bits, uniform on [0, 1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Uniform(ulong key, int token) => (Mix(key + (ulong)(uint)token * Golden) >> 11) * (1.0 / (1UL << 53));

    /// <summary>The exponentially distributed number -log(1 - v) of a uniform v; it is never less than v.</summary>
    public static double Exponential(double v) => v < 1e-5 ? v * (1 + v * (0.5 + v / 3)) : -Math.Log(1 - v); // 1 - v would lose small v's digits

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
