using System.Text;

namespace Hadal.Inference;

/// <summary>Characters as bytes: ranges of code points become the byte sequences of their UTF-8, and nothing else does.</summary>
internal static class Utf8Ranges
{
    private const int Last = 0x10FFFF;

    /// <summary>One character of any of the ranges; surrogates in them are left out.</summary>
    public static GrammarNode Character(Grammar grammar, IEnumerable<(int First, int Last)> ranges)
    {
        ByteSet single = default;
        List<GrammarNode> options = [];
        foreach ((int first, int last) in ranges) Split(first, last);
        if (single != default) options.Insert(0, grammar.Bytes(single));
        return grammar.Choice([.. options]);

        // As RE2 (R. Cox) does it: cut where the number of bytes changes, and until all following bytes run through whole ranges.
        void Split(int first, int last)
        {
            if (first > last) return;
            if (first <= 0xDFFF && last >= 0xD800)
            {
                Split(first, 0xD7FF);
                Split(0xE000, last);
                return;
            }

            foreach (int end in (ReadOnlySpan<int>)[0x7F, 0x7FF, 0xFFFF])
            {
                if (first > end || last <= end) continue;
                Split(first, end);
                Split(end + 1, last);
                return;
            }

            if (last <= 0x7F)
            {
                single |= ByteSet.Range(first, last);
                return;
            }

            for (int bits = 6; bits <= 18; bits += 6)
            {
                int low = (1 << bits) - 1;
                if ((first & ~low) == (last & ~low)) continue;
                if ((first & low) != 0)
                {
                    Split(first, first | low);
                    Split((first | low) + 1, last);
                    return;
                }

                if ((last & low) != low)
                {
                    Split(first, (last & ~low) - 1);
                    Split(last & ~low, last);
                    return;
                }
            }

            Span<byte> from = stackalloc byte[4], to = stackalloc byte[4];
            int length = new Rune(first).EncodeToUtf8(from);
            new Rune(last).EncodeToUtf8(to);
            GrammarNode[] bytes = new GrammarNode[length];
            for (int i = 0; i < length; i++) bytes[i] = grammar.Bytes(ByteSet.Range(from[i], to[i]));
            options.Add(grammar.Sequence(bytes));
        }
    }

    /// <summary>All code points that are in none of the ranges.</summary>
    public static IEnumerable<(int First, int Last)> Except(IEnumerable<(int First, int Last)> ranges)
    {
        int next = 0;
        foreach ((int first, int last) in ranges.OrderBy(range => range.First))
        {
            if (first > next) yield return (next, first - 1);
            next = Math.Max(next, last + 1);
        }

        if (next <= Last) yield return (next, Last);
    }
}
