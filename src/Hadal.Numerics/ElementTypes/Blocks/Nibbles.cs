namespace Hadal.Numerics;

/// <summary>Bytes of two elements of 4 bits each: the first half of the elements lies in the low bits, the second in the high bits.</summary>
internal static class Nibbles
{
    /// <summary>Takes bytes apart into twice as many elements.</summary>
    public static void Split(ReadOnlySpan<byte> bytes, Span<byte> elements)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            elements[i] = (byte)(bytes[i] & 15);
            elements[bytes.Length + i] = (byte)(bytes[i] >> 4);
        }
    }

    /// <summary>Puts bytes together from twice as many elements.</summary>
    public static void Join(ReadOnlySpan<byte> elements, Span<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)(elements[i] | elements[bytes.Length + i] << 4);
    }
}
