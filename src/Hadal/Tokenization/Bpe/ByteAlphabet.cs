namespace Hadal.Tokenization.Bpe;

/// <summary>
/// GPT-2's bijection between the 256 bytes and printable characters, in which byte-level vocabularies are written: printable Latin-1
/// stands for itself, the 68 other bytes are U+0100 and on, in order ("Ġ" is the space).
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] s_characters = Characters();
    private static readonly short[] s_bytes = Bytes();

    /// <summary>The character that stands for a byte.</summary>
    public static char Character(byte value) => s_characters[value];

    /// <summary>The byte that a character stands for, or -1.</summary>
    public static int Byte(char character) => character < s_bytes.Length ? s_bytes[character] : -1;

    /// <summary>The text that stands for some bytes.</summary>
    public static string Text(ReadOnlySpan<byte> bytes) => string.Create(bytes.Length, bytes, static (text, bytes) =>
    {
        for (int i = 0; i < text.Length; i++) text[i] = s_characters[bytes[i]];
    });

    /// <summary>The bytes that a text stands for; false if a character of it stands for none.</summary>
    public static bool TryBytes(string text, out byte[] bytes)
    {
        bytes = new byte[text.Length];
        for (int i = 0; i < text.Length; i++)
        {
            int value = Byte(text[i]);
            if (value < 0) return false;
            bytes[i] = (byte)value;
        }

        return true;
    }

    private static char[] Characters()
    {
        char[] characters = new char[256];
        int moved = 0;
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
            characters[b] = (char)(printable ? b : 256 + moved++);
        }

        return characters;
    }

    private static short[] Bytes()
    {
        short[] bytes = new short[256 + 68];
        Array.Fill(bytes, (short)-1);
        for (int b = 0; b < 256; b++) bytes[s_characters[b]] = (short)b;
        return bytes;
    }
}
