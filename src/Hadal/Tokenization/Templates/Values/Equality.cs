using Hadal.Tokenization.Templates.Evaluation;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>Python's <c>==</c>, <c>&lt;</c> and <c>in</c>.</summary>
internal static class Equality
{
    public static bool AreEqual(Run run, Value left, Value right)
    {
        run.Charge(1);
        switch (left, right)
        {
            case (TextValue a, TextValue b):
                if (a.Value.Length == b.Value.Length) run.Charge(a.Value.Length / 64);
                return a.Value == b.Value;
            case (SequenceValue a, SequenceValue b) when a.Kind == b.Kind && a.Items.Length == b.Items.Length:
                for (int i = 0; i < a.Items.Length; i++)
                {
                    if (!AreEqual(run, a.Items[i], b.Items[i])) return false;
                }

                return true;
            case (MappingValue a, MappingValue b) when a.Pairs.Count == b.Pairs.Count:
                foreach (KeyValuePair<Value, Value> pair in a.Pairs)
                {
                    run.Charge(1);
                    if (!b.TryGet(pair.Key, out Value? other) || !AreEqual(run, pair.Value, other)) return false;
                }

                return true;
            default: return ScalarsEqual(left, right);
        }
    }

    /// <summary>Equality of what isn't a list or a mapping; of those, identity.</summary>
    public static bool ScalarsEqual(Value left, Value right)
    {
        if (left is TextValue a && right is TextValue b) return a.Value == b.Value;
        if (left is UndefinedValue && right is UndefinedValue) return true;
        Number? x = Number.Of(left);
        Number? y = Number.Of(right);
        return x is null || y is null ? ReferenceEquals(left, right) : Number.Compare(x.Value, y.Value) == 0;
    }

    /// <summary>
    /// Below, at or above 0 as <paramref name="left"/> comes before, with or after <paramref name="right"/>; null if neither (a NaN).
    /// </summary>
    public static int? Compare(Run run, Value left, Value right)
    {
        run.Charge(1);
        if (left is TextValue a && right is TextValue b)
        {
            run.Charge(Math.Min(a.Value.Length, b.Value.Length) / 16);
            return CodePoints.Compare(a.Value, b.Value);
        }

        if (Number.Of(left) is { } x && Number.Of(right) is { } y) return Number.Compare(x, y);
        if (left is SequenceValue list && right is SequenceValue other && list.Kind == other.Kind
            && list.Kind is SequenceKind.List or SequenceKind.Tuple)
        {
            for (int i = 0; i < Math.Min(list.Items.Length, other.Items.Length); i++)
            {
                if (!AreEqual(run, list.Items[i], other.Items[i])) return Compare(run, list.Items[i], other.Items[i]);
            }

            return list.Items.Length.CompareTo(other.Items.Length);
        }

        if (left is UndefinedValue undefined) throw run.Fail(undefined.Problem);
        if (right is UndefinedValue missing) throw run.Fail(missing.Problem);
        throw run.Fail($"found a comparison of {left.TypeName} with {right.TypeName}, expected two numbers, two texts or two lists");
    }

    public static bool Contains(Run run, Value container, Value item)
    {
        switch (container)
        {
            case TextValue text when item is TextValue needle:
                run.ChargeSearch(text.Value.Length, needle.Value.Length);
                return text.Value.Contains(needle.Value, StringComparison.Ordinal);
            case TextValue: throw run.Fail($"found a {item.TypeName} before 'in' and a text behind it, expected a text");
            case SequenceValue sequence:
                foreach (Value candidate in sequence.Items)
                {
                    if (ReferenceEquals(candidate, item) || AreEqual(run, candidate, item)) return true;
                }

                return false;
            case MappingValue mapping:
                if (!MappingValue.IsKey(item) && item is SequenceValue { Kind: SequenceKind.List } or MappingValue)
                {
                    throw run.Fail($"found a {item.TypeName} before 'in' and a mapping behind it, expected a key");
                }

                if (item is TextValue key) run.Charge(key.Value.Length / 16);
                return mapping.TryGet(item, out _);
            case UndefinedValue: return false;
            default: throw run.Fail($"found a {container.TypeName} behind 'in', expected a text, a list or a mapping");
        }
    }
}
