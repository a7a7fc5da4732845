using System.IO.Compression;
using System.Text;

namespace Hadal.Tokenization.Normalization;

/// <summary>
/// The four normalization forms of Unicode (UAX 15): decompose, order marks by combining class, compose. Text that a table shows to be
/// in form C already, which is nearly all text there is, comes back as it is.
/// </summary>
internal static class UnicodeNormalization
{
    // Hangul is arithmetic (section 3.12 of the standard): L leading, V vowel, T trailing; 19 x 21 x 28 syllables.
    private const int HangulS = 0xAC00, HangulL = 0x1100, HangulV = 0x1161, HangulT = 0x11A7, LCount = 19, VCount = 21, TCount = 28;
    private const int HangulCount = LCount * VCount * TCount;

    private static readonly Lazy<Tables> s_tables = new(() => new Tables());

    /// <summary>The text in a form.</summary>
    public static string Normalize(string text, NormalizationForm form)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\x7F')) return text;
        Tables tables = s_tables.Value;
        bool composes = form is NormalizationForm.FormC or NormalizationForm.FormKC;
        if (form == NormalizationForm.FormC && tables.IsComposed(text)) return text;

        bool compatible = form is NormalizationForm.FormKC or NormalizationForm.FormKD;
        List<int> codes = new(text.Length + 16);
        foreach (Rune rune in text.EnumerateRunes()) tables.Decompose(rune.Value, compatible, codes);
        Order(codes, tables);
        if (composes) Compose(codes, tables);
        StringBuilder normalized = new(codes.Count);
        Span<char> utf16 = stackalloc char[2];
        foreach (int code in codes) normalized.Append(utf16[..new Rune(code).EncodeToUtf16(utf16)]);
        return normalized.ToString();
    }

    // Marks between two starters are sorted by class and otherwise keep their order.
    private static void Order(List<int> codes, Tables tables)
    {
        for (int at = 0; at < codes.Count;)
        {
            if (tables.CombiningClass(codes[at]) == 0)
            {
                at++;
                continue;
            }

            int end = at + 1;
            while (end < codes.Count && tables.CombiningClass(codes[end]) != 0) end++;
            if (end - at > 1)
            {
                int[] marks = [.. codes.Skip(at).Take(end - at).OrderBy(tables.CombiningClass)];
                for (int i = 0; i < marks.Length; i++) codes[at + i] = marks[i];
            }

            at = end;
        }
    }

    private static void Compose(List<int> codes, Tables tables)
    {
        int kept = 0, starter = -1, lastClass = 0;
        for (int at = 0; at < codes.Count; at++)
        {
            int code = codes[at], combining = tables.CombiningClass(code);
            // A mark is blocked from its starter by one of the same or a higher class in between.
            bool reaches = starter >= 0 && (starter == kept - 1 || (lastClass < combining && lastClass != 0));
            if (reaches && Pair(codes[starter], code, tables) is >= 0 and int composed)
            {
                codes[starter] = composed;
                continue;
            }

            if (combining == 0) starter = kept;
            lastClass = combining;
            codes[kept++] = code;
        }

        codes.RemoveRange(kept, codes.Count - kept);
    }

    private static int Pair(int first, int second, Tables tables)
    {
        if (first - HangulL is >= 0 and < LCount && second - HangulV is >= 0 and < VCount)
        {
            return HangulS + ((first - HangulL) * VCount + (second - HangulV)) * TCount;
        }

        if (first - HangulS is >= 0 and < HangulCount && (first - HangulS) % TCount == 0 && second - HangulT is > 0 and < TCount)
        {
            return first + (second - HangulT);
        }

        return tables.Composition(first, second);
    }

    private sealed class Tables
    {
        private readonly Dictionary<int, (int[] To, bool Compatible)> _decompositions = [];
        private readonly Dictionary<(int, int), int> _compositions = [];
        private readonly Dictionary<int, byte> _classes = [];
        private readonly bool[] _composed = new bool[0x10000];

        public Tables()
        {
            using MemoryStream packed = new(Convert.FromBase64String(UnicodeData.Base64));
            using DeflateStream unpacked = new(packed, CompressionMode.Decompress);
            using MemoryStream whole = new();
            unpacked.CopyTo(whole);
            Numbers numbers = new(whole.ToArray());
            Array.Fill(_composed, true);
            ReadDecompositions(numbers);
            ReadClasses(numbers);
            // What may join the character before it: the second of a composition, Hangul's vowels and trailing consonants.
            foreach ((int _, int second) in _compositions.Keys) Unsettle(second);
            for (int i = 0; i < VCount; i++) Unsettle(HangulV + i);
            for (int i = 1; i < TCount; i++) Unsettle(HangulT + i);
            for (int c = 0xD800; c <= 0xDFFF; c++) Unsettle(c);
        }

        /// <summary>Whether every character is one that form C leaves alone wherever it stands.</summary>
        public bool IsComposed(string text)
        {
            foreach (char c in text)
            {
                if (!_composed[c]) return false;
            }

            return true;
        }

        public int CombiningClass(int code) => code < 0x300 ? 0 : _classes.GetValueOrDefault(code);

        public int Composition(int first, int second) => _compositions.GetValueOrDefault((first, second), -1);

        public void Decompose(int code, bool compatible, List<int> codes)
        {
            int syllable = code - HangulS;
            if (syllable is >= 0 and < HangulCount)
            {
                codes.Add(HangulL + syllable / (VCount * TCount));
                codes.Add(HangulV + syllable % (VCount * TCount) / TCount);
                if (syllable % TCount > 0) codes.Add(HangulT + syllable % TCount);
            }
            else if (code >= 0x80 && _decompositions.TryGetValue(code, out (int[] To, bool Compatible) entry) && (compatible || !entry.Compatible))
            {
                foreach (int part in entry.To) Decompose(part, compatible, codes);
            }
            else
            {
                codes.Add(code);
            }
        }

        private void ReadDecompositions(Numbers numbers)
        {
            int code = 0;
            for (int left = numbers.Next(); left > 0; left--)
            {
                code += numbers.Next();
                int head = numbers.Next();
                int[] to = new int[head >> 2];
                for (int i = 0; i < to.Length; i++) to[i] = numbers.Next();
                bool compatible = (head & 1) != 0, excluded = (head & 2) != 0;
                _decompositions.Add(code, (to, compatible));
                if (excluded) Unsettle(code);
                else if (!compatible) _compositions.Add((to[0], to[1]), code);
            }
        }

        private void ReadClasses(Numbers numbers)
        {
            int code = 0;
            for (int left = numbers.Next(); left > 0; left--)
            {
                code += numbers.Next();
                int last = code + numbers.Next(), combining = numbers.Next();
                for (; code <= last; code++)
                {
                    _classes.Add(code, (byte)combining);
                    Unsettle(code);
                }

                code = last;
            }
        }

        private void Unsettle(int code)
        {
            if (code < _composed.Length) _composed[code] = false;
        }
    }

    private sealed class Numbers(byte[] bytes)
    {
        private int _at;

        public int Next()
        {
            int value = 0, shift = 0;
            while (true)
            {
                byte b = bytes[_at++];
                value |= (b & 0x7F) << shift;
                if (b < 0x80) return value;
                shift += 7;
            }
        }
    }
}
