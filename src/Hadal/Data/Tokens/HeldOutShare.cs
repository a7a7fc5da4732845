namespace Hadal.Data.Tokens;

/// <summary>How much a fraction holds out.</summary>
internal static class HeldOutShare
{
    /// <summary>A fraction of a count, rounded up; what binary fractions add to a decimal one is not rounded up.</summary>
    public static long Of(double fraction, long count) => (long)Math.Ceiling(Math.Round(fraction * count, 6));
}
