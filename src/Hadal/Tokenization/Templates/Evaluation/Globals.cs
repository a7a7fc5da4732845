using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>The functions that a template finds without anyone giving them.</summary>
internal static class Globals
{
    // Jinja's sandbox has the same bound.
    private const int LongestRange = 100_000;

    public static IEnumerable<FunctionValue> All { get; } =
    [
        new("raise_exception", (run, arguments) => throw run.Raise(PythonText.Of(run, arguments.Bind(run, 1, "message")[0]!))),
        new("strftime_now", (run, arguments) => Strftime.Format(run, run.Clock.GetLocalNow(), arguments.Bind(run, 1, "format").TextValue(0))),
        new("namespace", Namespace),
        new("range", Range),
        new("dict", Dict),
    ];

    private static NamespaceValue Namespace(Run run, Arguments arguments)
    {
        NamespaceValue made = new();
        foreach (KeyValuePair<Value, Value> pair in Pairs(run, arguments))
        {
            if (pair.Key is not TextValue name) throw run.Fail($"'namespace' gets a {pair.Key.TypeName} as a name, expected a text");
            made.Attributes[name.Value] = pair.Value;
        }

        return made;
    }

    private static MappingValue Dict(Run run, Arguments arguments) => run.Mapping(Pairs(run, arguments));

    /// <summary>Pairs from a mapping or a list of pairs, then from named arguments.</summary>
    private static List<KeyValuePair<Value, Value>> Pairs(Run run, Arguments arguments)
    {
        List<KeyValuePair<Value, Value>> pairs = [];
        if (arguments.Positional.Length > 1) throw run.Fail($"'{arguments.Function}' gets {arguments.Positional.Length} arguments, expected at most 1");
        foreach (Value source in arguments.Positional)
        {
            Value[] items = source is MappingValue mapping ? mapping.Items() : Iteration.Items(run, source);
            run.ChargeItems(items.Length);
            foreach (Value item in items)
            {
                if (item is not SequenceValue { Items: [Value key, Value value] })
                {
                    throw run.Fail($"'{arguments.Function}' gets a {item.TypeName} among its items, expected pairs");
                }

                pairs.Add(new(key, value));
            }
        }

        foreach (KeyValuePair<string, Value> argument in arguments.Named) pairs.Add(new(TextValue.Own(argument.Key), argument.Value));
        return pairs;
    }

    private static SequenceValue Range(Run run, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 1, "start", "stop", "step");
        long start = arguments.Positional.Length > 1 ? bound.Integer(0, 0) : 0;
        long stop = bound.Integer(arguments.Positional.Length > 1 ? 1 : 0, 0);
        long step = bound.Integer(2, 1);
        if (arguments.Named.Length > 0) throw run.Fail("'range' gets a named argument, expected numbers alone");
        if (step == 0) throw run.Fail("'range' gets the step 0, expected another");
        Int128 distance = step > 0 ? (Int128)stop - start : (Int128)start - stop;
        Int128 count = distance <= 0 ? 0 : ((distance - 1) / Int128.Abs(step)) + 1;
        if (count > LongestRange) throw run.Fail($"'range' gets {count} numbers, expected at most {LongestRange}");
        run.ChargeItems((long)count);
        Value[] items = new Value[(int)count];
        for (int i = 0; i < items.Length; i++) items[i] = new IntegerValue(start + (i * step));
        return run.Sequence(SequenceKind.Range, items);
    }
}
