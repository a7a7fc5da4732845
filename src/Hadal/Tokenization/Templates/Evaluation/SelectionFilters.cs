using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>Filters that apply another filter, or a test, to each item.</summary>
internal static class SelectionFilters
{
    public static Value Map(Run run, Value input, Arguments arguments)
    {
        Value[] items = Iteration.Items(run, input);
        if (arguments.Positional.Length > 0)
        {
            Arguments inner = arguments.After(1, Name(run, arguments));
            return Mapped(run, items, item => FilterTable.Apply(run, item, inner));
        }

        Bound bound = arguments.Bind(run, 0, "attribute", "default");
        if (bound[0] is not { } path) throw run.Fail("'map' gets no arguments, expected the name of a filter or an attribute");
        return Mapped(run, items, item => Attributes.Path(run, item, path, bound[1]));
    }

    public static Value Select(Run run, Value input, Arguments arguments, bool keep)
    {
        Value[] items = Iteration.Items(run, input);
        Func<Value, bool> test = Test(run, arguments);
        return Selected(run, items, item => test(item) == keep);
    }

    public static Value SelectAttribute(Run run, Value input, Arguments arguments, bool keep)
    {
        if (arguments.Positional.Length == 0) throw run.Fail($"'{arguments.Function}' lacks the name of an attribute");
        Value path = arguments.Positional[0];
        Value[] items = Iteration.Items(run, input);
        Func<Value, bool> test = Test(run, arguments.After(1, arguments.Function));
        return Selected(run, items, item => test(Attributes.Path(run, item, path, null)) == keep);
    }

    private static Func<Value, bool> Test(Run run, Arguments arguments)
    {
        if (arguments.Positional.Length == 0)
        {
            arguments.Bind(run, 0);
            return item => item.IsTruthy;
        }

        Arguments inner = arguments.After(1, Name(run, arguments));
        return item => TestTable.Apply(run, item, inner);
    }

    private static string Name(Run run, Arguments arguments) => arguments.Positional[0] is TextValue name
        ? name.Value
        : throw run.Fail($"'{arguments.Function}' gets a {arguments.Positional[0].TypeName}, expected the name of a filter or a test");

    private static SequenceValue Mapped(Run run, Value[] items, Func<Value, Value> map)
    {
        Value[] mapped = new Value[items.Length];
        for (int i = 0; i < items.Length; i++)
        {
            run.Charge(1);
            mapped[i] = map(items[i]);
        }

        return run.Sequence(SequenceKind.Generated, mapped);
    }

    private static SequenceValue Selected(Run run, Value[] items, Func<Value, bool> keeps)
    {
        List<Value> kept = [];
        foreach (Value item in items)
        {
            run.Charge(1);
            if (keeps(item)) kept.Add(item);
        }

        return run.Sequence(SequenceKind.Generated, [.. kept]);
    }
}
