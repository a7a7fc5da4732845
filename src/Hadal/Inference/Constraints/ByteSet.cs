namespace Hadal.Inference;

/// <summary>A set of byte values.</summary>
internal readonly record struct ByteSet(ulong Word0, ulong Word1, ulong Word2, ulong Word3)
{
    /// <summary>Whether a byte is in the set.</summary>
    public bool Contains(byte value) => ((value >> 6) switch { 0 => Word0, 1 => Word1, 2 => Word2, _ => Word3 } >> (value & 63) & 1) != 0;

    /// <summary>All bytes from one to another.</summary>
    public static ByteSet Range(int first, int last)
    {
        Span<ulong> words = stackalloc ulong[4];
        words.Clear();
        for (int b = first; b <= last; b++) words[b >> 6] |= 1UL << (b & 63);
        return new ByteSet(words[0], words[1], words[2], words[3]);
    }

    /// <summary>The bytes of either.</summary>
    public static ByteSet operator |(ByteSet a, ByteSet b) => new(a.Word0 | b.Word0, a.Word1 | b.Word1, a.Word2 | b.Word2, a.Word3 | b.Word3);
}
