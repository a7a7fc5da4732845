using System.Security.Cryptography;
using System.Text;
using Hadal.Tokenization.Normalization;

namespace Hadal.Tests.Tokenization;

public class NormalizationTests
{
    private static readonly int[] s_pool =
    [
        0x41, 0x61, 0x65, 0x300, 0x301, 0x302, 0x303, 0x304, 0x307, 0x308, 0x30A, 0x323, 0x327, 0x328, 0x345, 0x1100, 0x1112, 0x1161, 0x1175, 0x11A8, 0x11C2,
        0xAC00, 0xAC01, 0xD55C, 0x3B1, 0x391, 0x1F00, 0x915, 0x93C, 0x9C7, 0x9BE, 0xFB01, 0x2460, 0x212B, 0x1E9B, 0x3099, 0x304B, 0x1D15E, 0x1D165, 0x114B9,
        0x114BA, 0x5D0, 0x5BC, 0x5C1, 0x334, 0x338, 0x3D, 0x20,
    ];

    // SHA-256 of what Python's unicodedata 14.0 makes of every code point, then of 20000 sequences of six from the pool by a
    // linear congruence (x = (1103515245 x + 12345) mod 2^31 from 12345 on, taking x >> 8).
    [Theory]
    [InlineData(NormalizationForm.FormC, "45902bd1c45da52c6dd2e322ede1e7b98c62f98f3a74859116dd153bd88d414a")]
    [InlineData(NormalizationForm.FormD, "ce4f2425d7a80d2f8955b367731003b2a2070fcf1b48be872904020ccd79ca7b")]
    [InlineData(NormalizationForm.FormKC, "d33908723a3da77d1bbaeeb0bb44700d9b009c8ac1e23cb66e5aab54e4fed8ab")]
    [InlineData(NormalizationForm.FormKD, "58c9bd9859875ca10ae20e0b4956cadb9319b3e33674ee8a92b83d0b05ecc91b")]
    public void Every_code_point_is_normalized_as_Python_does(NormalizationForm form, string expected)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int code = 0; code < 0x110000; code++)
        {
            if (Rune.IsValid(code)) Add(char.ConvertFromUtf32(code));
        }

        uint x = 12345;
        for (int round = 0; round < 20000; round++)
        {
            StringBuilder text = new();
            for (int i = 0; i < 6; i++)
            {
                x = (x * 1103515245 + 12345) & 0x7FFF_FFFF;
                text.Append(char.ConvertFromUtf32(s_pool[(x >> 8) % s_pool.Length]));
            }

            Add(text.ToString());
        }

        Assert.Equal(expected, Convert.ToHexStringLower(hash.GetHashAndReset()));

        void Add(string text) => hash.AppendData(Encoding.UTF8.GetBytes(UnicodeNormalization.Normalize(text, form)));
    }

    [Theory]
    [InlineData("\u0130STANBUL", "i\u0307stanbul")]
    [InlineData("\u039F\u0394\u039F\u03A3 \u03A3\u03A3", "\u03BF\u03B4\u03BF\u03C2 \u03C3\u03C2")]
    [InlineData("\u00C4\U00010400", "\u00E4\U00010428")]
    public void Lower_case_is_Unicode_s_full_mapping(string text, string expected) => Assert.Equal(expected, new Lowercase().Apply(text));
}
