using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>The values that a call, a filter or a test is given.</summary>
internal sealed class Arguments(string function, Value[] positional, KeyValuePair<string, Value>[] named)
{
    public string Function { get; } = function;

    public Value[] Positional { get; } = positional;

    public KeyValuePair<string, Value>[] Named { get; } = named;

    /// <summary>The arguments without the first positional ones, for a function that they are passed on to.</summary>
    public Arguments After(int count, string other) => new(other, Positional[count..], Named);

    /// <summary>Puts the arguments under the names of parameters; of those that aren't given there is null.</summary>
    public Bound Bind(Run run, int required, params ReadOnlySpan<string> parameters)
    {
        if (Positional.Length > parameters.Length)
        {
            throw run.Fail($"'{Function}' gets {Positional.Length} arguments, expected at most {parameters.Length}");
        }

        Value?[] values = new Value?[parameters.Length];
        Positional.CopyTo(values, 0);
        foreach (KeyValuePair<string, Value> argument in Named)
        {
            int i = parameters.IndexOf(argument.Key);
            if (i < 0) throw run.Fail($"'{Function}' gets the argument {TemplateException.Quote(argument.Key)}, which it doesn't have");
            if (values[i] is not null) throw run.Fail($"'{Function}' gets the argument '{argument.Key}' twice");
            values[i] = argument.Value;
        }

        for (int i = 0; i < required; i++)
        {
            if (values[i] is null) throw run.Fail($"'{Function}' lacks the argument '{parameters[i]}'");
        }

        return new Bound(run, Function, [.. parameters], values);
    }
}

/// <summary>Arguments under the names of their parameters.</summary>
internal readonly struct Bound(Run run, string function, string[] names, Value?[] values)
{
    public Value? this[int i] => values[i];

    public bool IsTrue(int i, bool fallback = false) => values[i]?.IsTruthy ?? fallback;

    /// <summary>A whole number; <paramref name="fallback"/> if it isn't given.</summary>
    public long Integer(int i, long fallback) => values[i] switch
    {
        null => fallback,
        IntegerValue or BooleanValue => Number.Of(values[i]!)!.Value.Whole,
        _ => throw Unexpected(i, "a whole number"),
    };

    /// <summary>A text; none, or nothing, is null.</summary>
    public string? TextOrNone(int i) => values[i] is null or NoneValue ? null : Text(i);

    public string Text(int i) => TextValue(i).Value;

    public TextValue TextValue(int i) => values[i] as TextValue ?? throw Unexpected(i, "a text");

    private TemplateException Unexpected(int i, string expected) =>
        run.Fail($"'{function}' gets a {values[i]?.TypeName ?? "nothing"} as '{names[i]}', expected {expected}");
}
