using System.Text;

namespace Hadal.Tests.Tokenization;

/// <summary>Seeded text of everything that trips tokenizers: all planes, unassigned and combining characters, emoji sequences, lone surrogates.</summary>
internal static class RandomText
{
    private static readonly string[] s_pieces =
    [
        "the", "Hello", " world", "'s", "'LL", "'ve", "don't", " ", "  ", "\t", "\r\n", "\n", "\n\n ", "\u00A0", "\u3000", "\u2028", "\u0085", "123", "4", "\u0663",
        "\u00BD", "\u2167", "_", "--", "?!", "$", "+=", "(", "\u201C", "\u3002", "\u4F60\u597D", "\u4E16", "\u304B\u306A", "\u30FB", "\u309A", "\u3040", "\uD55C",
        "\u1112\u1161\u11AB", "e\u0301", "a\u0323\u0302", "\u0E01\u0E33", "\u0939\u093F", "\u0627\u0644", "\U0001F600", "\U0001F468\u200D\U0001F469\u200D\U0001F466", "\U0001F1E9\U0001F1EA",
        "\U0001F44D\U0001F3FD", "\uFE0F", "\u200B", "\uFEFF", "\0", "\u0007", "\u007F", "\U00020000", "\U0001D400", "\U0001D7D8", "\U00010400", "\U0001E900",
        "\U000E0061", "\U0010FFFF", "\U000F0000", "\u0378", "\uFFFF", "\uFFFD", "<|endoftext|>", "<s>", "<0x0A>", "\u0120", "\u00F5",
    ];

    /// <summary>Valid text.</summary>
    public static string Valid(Random random, int pieces)
    {
        StringBuilder text = new();
        for (int i = 0; i < pieces; i++)
        {
            if (random.Next(3) > 0) text.Append(s_pieces[random.Next(s_pieces.Length)]);
            else text.Append(Scalar(random));
        }

        return text.ToString();
    }

    /// <summary>Text with surrogates that have no partner.</summary>
    public static string Invalid(Random random, int pieces)
    {
        StringBuilder text = new(Valid(random, pieces));
        for (int i = 0; i < 1 + pieces / 4; i++) text.Insert(random.Next(text.Length + 1), (char)random.Next(0xD800, 0xE000));
        return text.ToString();
    }

    private static Rune Scalar(Random random)
    {
        int limit = random.Next(5) switch { 0 => 0x80, 1 => 0x300, 2 => 0x3000, 3 => 0x10000, _ => 0x110000 };
        while (true)
        {
            if (Rune.TryCreate(random.Next(limit), out Rune rune)) return rune;
        }
    }
}
