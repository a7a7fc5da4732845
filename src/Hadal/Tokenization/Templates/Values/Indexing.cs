using Hadal.Tokenization.Templates.Evaluation;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>
/// Items and slices by Python's rules: negative indices count from the end, a slice may go backwards. What isn't there is undefined.
/// </summary>
internal static class Indexing
{
    /// <summary>The item under a key, or null if there is none.</summary>
    public static Value? Item(Run run, Value target, Value key)
    {
        switch (target)
        {
            case MappingValue mapping: return mapping.TryGet(key, out Value? value) ? value : null;
            case SequenceValue { IsIndexable: true } sequence when Whole(key) is { } index:
                int at = Position(index, sequence.Items.Length);
                return at < 0 ? null : sequence.Items[at];
            case TextValue text when Whole(key) is { } index: return Character(run, text, index);
            default: return null;
        }
    }

    public static Value Slice(Run run, Value target, Value? start, Value? stop, Value? step)
    {
        if (target is UndefinedValue undefined) throw run.Fail(undefined.Problem);
        (long? from, long? to, long by) = (Bound(run, start), Bound(run, stop), Bound(run, step) ?? 1);
        if (by == 0) throw run.Fail("found a slice with the step 0, expected another");
        switch (target)
        {
            case SequenceValue { IsIndexable: true } sequence: return run.Sequence(sequence.Kind, Slice(sequence.Items, from, to, by));
            case TextValue text:
                run.ChargeText(text.Value.Length);
                TextBuilder taken = new();
                foreach (TextSpan part in Slice(CodePoints.Spans(text.Value), from, to, by)) taken.Append(text, part.Start, part.Length);
                return taken.ToText();
            default: return new UndefinedValue($"a {target.TypeName} has no slices");
        }
    }

    private static TextValue? Character(Run run, TextValue text, long index)
    {
        if (!CodePoints.HasPairs(text.Value))
        {
            int at = Position(index, text.Value.Length);
            return at < 0 ? null : text.Slice(at, 1);
        }

        run.ChargeText(text.Value.Length);
        TextSpan[] parts = CodePoints.Spans(text.Value);
        int part = Position(index, parts.Length);
        return part < 0 ? null : text.Slice(parts[part]);
    }

    private static long? Whole(Value key) => key is IntegerValue or BooleanValue ? Number.Of(key)!.Value.Whole : null;

    private static int Position(long index, int length)
    {
        if (index < 0) index += length;
        return index < 0 || index >= length ? -1 : (int)index;
    }

    private static long? Bound(Run run, Value? value)
    {
        if (value is null or NoneValue) return null;
        return Whole(value) ?? throw run.Fail($"found a {value.TypeName} as a slice's bound, expected a whole number");
    }

    private static T[] Slice<T>(T[] items, long? start, long? stop, long step)
    {
        long length = items.Length;
        long first = start is { } s ? Clamp(s, length, step) : step > 0 ? 0 : length - 1;
        long last = stop is { } e ? Clamp(e, length, step) : step > 0 ? length : -1;
        List<T> taken = [];
        // The step is as large as a template likes; the sum below must not wrap around.
        step = Math.Clamp(step, -length - 1, length + 1);
        for (long i = first; step > 0 ? i < last : i > last; i += step) taken.Add(items[i]);
        return [.. taken];
    }

    private static long Clamp(long bound, long length, long step)
    {
        if (bound < 0) bound = Math.Max(bound, -length - 1) + length;
        return step > 0 ? Math.Clamp(bound, 0, length) : Math.Clamp(bound, -1, length - 1);
    }
}
