using System.Globalization;

namespace Hadal.Inference;

/// <summary>A bound of a number.</summary>
/// <param name="Value">The number.</param>
/// <param name="IsExclusive">Whether the number itself is out.</param>
internal readonly record struct NumberBound(long Value, bool IsExclusive);

/// <summary>Numbers between bounds as a grammar, digit by digit.</summary>
internal sealed class NumberRange(JsonGrammar json)
{
    // The most that JsonGrammar's digits hold.
    private const long Most = 999_999_999_999_999_999;

    private Grammar Grammar => json.Grammar;

    /// <summary>Integers from one to another, both included; bounds beyond 18 digits are those of 18 digits.</summary>
    public GrammarNode Integers(long first, long last)
    {
        (first, last) = (Math.Max(first, -Most), Math.Min(last, Most));
        if (first > last) return Grammar.Never;
        List<GrammarNode> options = [];
        if (first < 0) options.Add(Grammar.Sequence(Grammar.Byte((byte)'-'), Natural(Math.Max(1, -last), -first)));
        if (last >= 0) options.Add(Natural(Math.Max(0, first), last));
        return Grammar.Choice([.. options]);
    }

    /// <summary>Numbers between bounds, without exponents; null is no bound.</summary>
    public GrammarNode Numbers(NumberBound? first, NumberBound? last)
    {
        NumberBound zero = new(0, IsExclusive: false);
        List<GrammarNode> options = [];
        if (last is not { Value: < 0 } and not { Value: 0, IsExclusive: true })
        {
            options.Add(Magnitudes(first is { Value: >= 0 } positive ? positive : zero, last));
        }

        if (first is null or { Value: < 0 })
        {
            // Mirrored; -0 is left to the positive side.
            NumberBound nearest = last is { Value: < 0 } negative ? negative with { Value = -negative.Value } : new NumberBound(0, IsExclusive: true);
            NumberBound? farthest = first is { } bound ? bound with { Value = bound.Value == long.MinValue ? long.MaxValue : -bound.Value } : null;
            options.Add(Grammar.Sequence(Grammar.Byte((byte)'-'), Magnitudes(nearest, farthest)));
        }

        return Grammar.Choice([.. options]);
    }

    // Integer part and fraction; both bounds are 0 or more.
    private GrammarNode Magnitudes(NumberBound first, NumberBound? last)
    {
        GrammarNode anyFraction = Grammar.Optional(json.Fraction);
        GrammarNode noFraction = Grammar.Optional(Grammar.Sequence(
            Grammar.Byte((byte)'.'), Grammar.Repeat(Grammar.Byte((byte)'0'), 1, JsonGrammar.FractionDigits)));
        long end = Math.Min(last?.Value ?? long.MaxValue, Most);
        if (first.Value > end) return Grammar.Never;
        if (last is { } bound && bound.Value == first.Value)
        {
            return first.IsExclusive || bound.IsExclusive ? Grammar.Never : Grammar.Sequence(Natural(end, end), noFraction);
        }

        // The integer parts at the ends and those between.
        bool isBounded = last is { } upper && upper.Value <= Most;
        List<GrammarNode> options = [Grammar.Sequence(Natural(first.Value, first.Value), first.IsExclusive ? json.NonZeroFraction : anyFraction)];
        long lastInside = isBounded ? end - 1 : end;
        if (first.Value + 1 <= lastInside) options.Add(Grammar.Sequence(Natural(first.Value + 1, lastInside), anyFraction));
        if (isBounded && last is { IsExclusive: false }) options.Add(Grammar.Sequence(Natural(end, end), noFraction));
        return Grammar.Choice([.. options]);
    }

    // By the number of digits.
    private GrammarNode Natural(long first, long last)
    {
        List<GrammarNode> options = [];
        while (first <= last)
        {
            string low = first.ToString(CultureInfo.InvariantCulture);
            long end = Math.Min(last, long.Parse(new string('9', low.Length), CultureInfo.InvariantCulture));
            options.Add(Digits(low, end.ToString(CultureInfo.InvariantCulture)));
            first = end + 1;
        }

        return Grammar.Choice([.. options]);
    }

    // From one string of digits to another of the same length.
    private GrammarNode Digits(ReadOnlySpan<char> low, ReadOnlySpan<char> high)
    {
        if (low.Length == 0) return Grammar.Empty;
        if (low.TrimStart('0').IsEmpty && high.TrimStart('9').IsEmpty) return Grammar.Repeat(json.Digit, low.Length, low.Length);
        int rest = low.Length - 1;
        if (low[0] == high[0]) return Grammar.Sequence(Grammar.Byte((byte)low[0]), Digits(low[1..], high[1..]));

        // First digits whose other digits are free, and those that aren't.
        (char from, char to) = (low[0], high[0]);
        List<GrammarNode> options = [];
        if (!low[1..].TrimStart('0').IsEmpty) options.Add(Grammar.Sequence(Grammar.Byte((byte)from++), Digits(low[1..], new string('9', rest))));
        if (!high[1..].TrimStart('9').IsEmpty) options.Add(Grammar.Sequence(Grammar.Byte((byte)to--), Digits(new string('0', rest), high[1..])));
        if (from <= to) options.Add(Grammar.Sequence(Grammar.Bytes(ByteSet.Range(from, to)), Digits(new string('0', rest), new string('9', rest))));
        return Grammar.Choice([.. options]);
    }
}
