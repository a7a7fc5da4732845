using System.Collections.Frozen;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>The tests by name, as in <c>x is defined</c>.</summary>
internal static class TestTable
{
    private static readonly FrozenDictionary<string, Func<Run, Value, Arguments, bool>> _all =
        new Dictionary<string, Func<Run, Value, Arguments, bool>>
        {
            ["boolean"] = Plain(value => value is BooleanValue),
            ["callable"] = Plain(value => value is FunctionValue or UndefinedValue),
            ["defined"] = Plain(value => value is not UndefinedValue),
            ["divisibleby"] = (run, value, a) => Remainder(run, value, a.Bind(run, 1, "num")[0]!) is 0,
            ["even"] = (run, value, a) => Bare(run, a) && Remainder(run, value, new IntegerValue(2)) is 0,
            ["false"] = Plain(value => value is BooleanValue { Value: false }),
            ["float"] = Plain(value => value is FloatValue),
            ["in"] = (run, value, a) => Equality.Contains(run, a.Bind(run, 1, "seq")[0]!, value),
            ["integer"] = Plain(value => value is IntegerValue),
            ["iterable"] = Plain(value => value is SequenceValue or MappingValue or TextValue or UndefinedValue),
            ["lower"] = Plain(value => value is TextValue text && Cased(text.Value, char.IsLower, char.IsUpper)),
            ["mapping"] = Plain(value => value is MappingValue),
            ["none"] = Plain(value => value is NoneValue),
            ["number"] = Plain(value => value is IntegerValue or FloatValue or BooleanValue),
            ["odd"] = (run, value, a) => Bare(run, a) && Remainder(run, value, new IntegerValue(2)) is 1,
            ["sameas"] = (run, value, a) => IsSame(value, a.Bind(run, 1, "other")[0]!),
            ["sequence"] = Plain(value => value is TextValue or MappingValue or UndefinedValue or SequenceValue { IsIndexable: true }),
            ["string"] = Plain(value => value is TextValue),
            ["true"] = Plain(value => value is BooleanValue { Value: true }),
            ["undefined"] = Plain(value => value is UndefinedValue),
            ["upper"] = Plain(value => value is TextValue text && Cased(text.Value, char.IsUpper, char.IsLower)),
            ["=="] = Equal,
            ["eq"] = Equal,
            ["equalto"] = Equal,
            ["!="] = NotEqual,
            ["ne"] = NotEqual,
            ["<"] = Less,
            ["lt"] = Less,
            ["lessthan"] = Less,
            ["<="] = LessOrEqual,
            ["le"] = LessOrEqual,
            [">"] = Greater,
            ["gt"] = Greater,
            ["greaterthan"] = Greater,
            [">="] = GreaterOrEqual,
            ["ge"] = GreaterOrEqual,
        }.ToFrozenDictionary();

    public static bool Contains(string name) => _all.ContainsKey(name);

    public static bool Apply(Run run, Value value, Arguments arguments)
    {
        if (_all.TryGetValue(arguments.Function, out Func<Run, Value, Arguments, bool>? test)) return test(run, value, arguments);
        throw run.Fail($"found the test {TemplateException.Quote(arguments.Function)}, expected one that is supported");
    }

    private static Func<Run, Value, Arguments, bool> Plain(Func<Value, bool> test) => (run, value, arguments) => Bare(run, arguments) && test(value);

    private static bool Bare(Run run, Arguments arguments)
    {
        arguments.Bind(run, 0);
        return true;
    }

    private static bool Equal(Run run, Value value, Arguments arguments) => Equality.AreEqual(run, value, arguments.Bind(run, 1, "other")[0]!);

    private static bool NotEqual(Run run, Value value, Arguments arguments) => !Equal(run, value, arguments);

    private static bool Less(Run run, Value value, Arguments arguments) => Order(run, value, arguments) < 0;

    private static bool LessOrEqual(Run run, Value value, Arguments arguments) => Order(run, value, arguments) <= 0;

    private static bool Greater(Run run, Value value, Arguments arguments) => Order(run, value, arguments) > 0;

    private static bool GreaterOrEqual(Run run, Value value, Arguments arguments) => Order(run, value, arguments) >= 0;

    private static int? Order(Run run, Value value, Arguments arguments) => Equality.Compare(run, value, arguments.Bind(run, 1, "other")[0]!);

    private static double? Remainder(Run run, Value value, Value divisor) =>
        Number.Of(Arithmetic.Apply(run, Syntax.BinaryOperator.Modulo, value, divisor))?.Real;

    // Python has one none, one true and one false; of numbers and texts it may have several, and then they aren't the same.
    private static bool IsSame(Value value, Value other) => ReferenceEquals(value, other);

    private static bool Cased(string text, Func<char, bool> wanted, Func<char, bool> unwanted) => text.Any(wanted) && !text.Any(unwanted);
}
