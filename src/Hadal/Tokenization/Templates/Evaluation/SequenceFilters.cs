using Hadal.Tokenization.Templates.Syntax;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>Filters over all items of a value in their order.</summary>
internal static class SequenceFilters
{
    public static Value First(Run run, Value input, Arguments arguments)
    {
        arguments.Bind(run, 0);
        Value[] items = Iteration.Items(run, input);
        return items.Length > 0 ? items[0] : new UndefinedValue("there is no first item");
    }

    public static Value Last(Run run, Value input, Arguments arguments)
    {
        arguments.Bind(run, 0);
        Value[] items = Iteration.Items(run, input);
        return items.Length > 0 ? items[^1] : new UndefinedValue("there is no last item");
    }

    public static Value List(Run run, Value input, Arguments arguments)
    {
        arguments.Bind(run, 0);
        return run.Sequence(SequenceKind.List, Iteration.Items(run, input));
    }

    public static Value Items(Run run, Value input, Arguments arguments)
    {
        arguments.Bind(run, 0);
        return input switch
        {
            MappingValue mapping => run.Sequence(SequenceKind.Generated, mapping.Items()),
            UndefinedValue => run.Sequence(SequenceKind.Generated, []),
            _ => throw run.Fail($"'items' gets a {input.TypeName}, expected a mapping"),
        };
    }

    public static Value Join(Run run, Value input, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 0, "d", "attribute");
        Value[] items = Iteration.Items(run, input);
        if (bound[1] is { } path and not NoneValue) items = [.. items.Select(item => Attributes.Path(run, item, path, null))];
        return Iteration.Join(run, bound[0] is { } separator ? PythonText.Printed(run, separator) : TextValue.Empty, items);
    }

    public static Value Reverse(Run run, Value input, Arguments arguments)
    {
        arguments.Bind(run, 0);
        if (input is TextValue) return Indexing.Slice(run, input, null, null, new IntegerValue(-1));
        return run.Sequence(SequenceKind.Generated, [.. Iteration.Items(run, input).AsEnumerable().Reverse()]);
    }

    public static Value Sum(Run run, Value input, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 0, "attribute", "start");
        Value sum = bound[1] ?? new IntegerValue(0);
        foreach (Value item in Iteration.Items(run, input))
        {
            Value term = bound[0] is { } path and not NoneValue ? Attributes.Path(run, item, path, null) : item;
            run.Charge(1);
            sum = Arithmetic.Apply(run, BinaryOperator.Add, sum, term);
        }

        return sum;
    }
}
