using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>Filters that order or compare items. Upper and lower case are the same to them unless asked.</summary>
internal static class SortFilters
{
    public static Value Sort(Run run, Value input, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 0, "reverse", "case_sensitive", "attribute");
        Value[] items = Iteration.Items(run, input);
        Value[][] keys = [.. items.Select(item => Keys(run, item, bound[2], bound.IsTrue(1)))];
        return run.Sequence(SequenceKind.List, Ordered(run, items, keys, bound.IsTrue(0)));
    }

    /// <summary>The pairs of a mapping by their keys or their values.</summary>
    public static Value Mapping(Run run, Value input, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 0, "case_sensitive", "by", "reverse");
        if (input is UndefinedValue undefined) throw run.Fail(undefined.Problem);
        if (input is not MappingValue mapping) throw run.Fail($"'dictsort' gets a {input.TypeName}, expected a mapping");
        string by = bound.TextOrNone(1) ?? "key";
        if (by is not ("key" or "value")) throw run.Fail($"'dictsort' sorts by {TemplateException.Quote(by)}, expected 'key' or 'value'");
        run.ChargeItems(mapping.Pairs.Count * 2L);
        Value[][] keys = [.. mapping.Pairs.Select(pair => new[] { Key(run, by == "key" ? pair.Key : pair.Value, bound.IsTrue(0)) })];
        return run.Sequence(SequenceKind.List, Ordered(run, mapping.Items(), keys, bound.IsTrue(2)));
    }

    public static Value Unique(Run run, Value input, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 0, "case_sensitive", "attribute");
        HashSet<string> seenTexts = [];
        List<Value> seen = [];
        List<Value> kept = [];
        foreach (Value item in Iteration.Items(run, input))
        {
            Value key = Keys(run, item, bound[1], bound.IsTrue(0))[0];
            bool isNew = key is TextValue text ? seenTexts.Add(text.Value) : !seen.Exists(other => Equality.AreEqual(run, other, key));
            if (!isNew) continue;
            if (key is not TextValue) seen.Add(key);
            kept.Add(item);
        }

        return run.Sequence(SequenceKind.Generated, [.. kept]);
    }

    /// <summary>The first of the largest items, or of the smallest if <paramref name="sign"/> is negative.</summary>
    public static Value Extreme(Run run, Value input, Arguments arguments, int sign)
    {
        Bound bound = arguments.Bind(run, 0, "case_sensitive", "attribute");
        Value[] items = Iteration.Items(run, input);
        if (items.Length == 0) return new UndefinedValue("there is no item to compare");
        Value best = items[0];
        Value bestKey = Keys(run, best, bound[1], bound.IsTrue(0))[0];
        foreach (Value item in items.AsSpan(1))
        {
            Value key = Keys(run, item, bound[1], bound.IsTrue(0))[0];
            if (Equality.Compare(run, key, bestKey) * sign > 0) (best, bestKey) = (item, key);
        }

        return best;
    }

    // "age,name" sorts by age, and by name within an age.
    private static Value[] Keys(Run run, Value item, Value? attributes, bool caseSensitive)
    {
        run.ChargeItems(1);
        if (attributes is null or NoneValue) return [Key(run, item, caseSensitive)];
        if (attributes is not TextValue text) return [Key(run, Attributes.Path(run, item, attributes, null), caseSensitive)];
        return [.. text.Value.Split(',').Select(path => Key(run, Attributes.Path(run, item, TextValue.Own(path), null), caseSensitive))];
    }

    private static Value Key(Run run, Value value, bool caseSensitive) =>
        value is TextValue text && !caseSensitive ? run.Text(PythonStrings.Lower(text.Value), text) : value;

    private static Value[] Ordered(Run run, Value[] items, Value[][] keys, bool descending)
    {
        Comparer<int> comparer = Comparer<int>.Create((a, b) =>
        {
            for (int i = 0; i < keys[a].Length; i++)
            {
                int order = Equality.Compare(run, keys[a][i], keys[b][i]) ?? 0;
                if (order != 0) return order;
            }

            return 0;
        });
        int[] indices = [.. Enumerable.Range(0, items.Length)];
        try
        {
            IEnumerable<int> order = descending ? indices.OrderDescending(comparer) : indices.Order(comparer);
            return [.. order.Select(i => items[i])];
        }
        catch (InvalidOperationException e) when (e.InnerException is TemplateException inner)
        {
            throw inner;
        }
    }
}
