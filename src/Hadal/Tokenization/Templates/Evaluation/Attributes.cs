using System.Collections.Frozen;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>
/// <c>a.b</c> looks for a method and then for an item, <c>a['b']</c> for an item and then for a method; what neither finds is undefined,
/// and only undefined itself has no attributes at all.
/// </summary>
internal static class Attributes
{
    private static readonly FrozenSet<string> ChangesList =
        FrozenSet.Create("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort");

    private static readonly FrozenSet<string> ChangesMapping = FrozenSet.Create("clear", "pop", "popitem", "setdefault", "update");

    public static Value Attribute(Run run, Value target, string name)
    {
        if (target is UndefinedValue undefined) throw run.Fail(undefined.Problem);
        return Method(target, name) ?? Indexing.Item(run, target, TextValue.Own(name)) ?? Missing(target, name);
    }

    public static Value Item(Run run, Value target, Value key)
    {
        if (target is UndefinedValue undefined) throw run.Fail(undefined.Problem);
        if (Indexing.Item(run, target, key) is { } item) return item;
        if (key is TextValue name) return Method(target, name.Value) ?? Missing(target, name.Value);
        return new UndefinedValue($"'{target.TypeName} object' has no element {Short(run, key)}");
    }

    /// <summary>Follows a path such as <c>function.name</c> or <c>0.role</c>, which filters take.</summary>
    public static Value Path(Run run, Value target, Value path, Value? fallback)
    {
        Value[] keys = path is TextValue text
            ? [.. text.Value.Split('.').Select(part => long.TryParse(part, out long index) ? (Value)new IntegerValue(index) : TextValue.Own(part))]
            : [path];
        foreach (Value key in keys)
        {
            target = Item(run, target, key);
            if (target is UndefinedValue && fallback is not null) target = fallback;
        }

        return target;
    }

    private static UndefinedValue Missing(Value target, string name) =>
        new($"'{(target is NoneValue ? "None" : target.TypeName + " object")}' has no attribute {TemplateException.Quote(name)}");

    private static string Short(Run run, Value key) =>
        key is IntegerValue or FloatValue or BooleanValue or NoneValue ? PythonText.Of(run, key) : "of type " + key.TypeName;

    private static Value? Method(Value target, string name)
    {
        switch (target)
        {
            case TextValue text when TextMethods.All.TryGetValue(name, out TextMethods.Method? method):
                return new FunctionValue(name, (run, arguments) => method(run, text, arguments));
            case MappingValue mapping: return MappingMethod(mapping, name);
            case SequenceValue { Kind: SequenceKind.List } when ChangesList.Contains(name): return Changes(name, "list");
            case SequenceValue { Kind: SequenceKind.List or SequenceKind.Tuple or SequenceKind.Range } sequence: return SequenceMethod(sequence, name);
            case NamespaceValue space when space.Attributes.TryGetValue(name, out Value? attribute): return attribute;
            case LoopValue loop: return loop.Attribute(name);
            default: return null;
        }
    }

    private static UndefinedValue Changes(string name, string kind) =>
        new($"'{name}' would change a {kind}, and templates are rendered with values that stay as they are");

    private static Value? MappingMethod(MappingValue mapping, string name) => name switch
    {
        "items" => NoArguments(name, run => run.Sequence(SequenceKind.Items, mapping.Items())),
        "keys" => NoArguments(name, run => run.Sequence(SequenceKind.Keys, mapping.Keys())),
        "values" => NoArguments(name, run => run.Sequence(SequenceKind.Values, mapping.Values())),
        "copy" => NoArguments(name, _ => mapping),
        "get" => new FunctionValue(name, (run, arguments) =>
        {
            Bound bound = arguments.Bind(run, 1, "key", "default");
            if (!MappingValue.IsKey(bound[0]!) && bound[0] is not UndefinedValue) throw run.Fail($"'get' gets a {bound[0]!.TypeName}, expected a key");
            return mapping.TryGet(bound[0]!, out Value? value) ? value : bound[1] ?? NoneValue.Instance;
        }),
        _ => ChangesMapping.Contains(name) ? Changes(name, "dict") : null,
    };

    private static FunctionValue? SequenceMethod(SequenceValue sequence, string name) => name switch
    {
        "copy" when sequence.Kind == SequenceKind.List => NoArguments(name, _ => sequence),
        "count" => new FunctionValue(name, (run, arguments) =>
        {
            Value item = arguments.Bind(run, 1, "value")[0]!;
            return new IntegerValue(sequence.Items.Count(other => Equality.AreEqual(run, other, item)));
        }),
        "index" => new FunctionValue(name, (run, arguments) =>
        {
            Value item = arguments.Bind(run, 1, "value")[0]!;
            int at = Array.FindIndex(sequence.Items, other => Equality.AreEqual(run, other, item));
            return at >= 0 ? new IntegerValue(at) : throw run.Fail("'index' finds nothing, expected an item that is there");
        }),
        _ => null,
    };

    private static FunctionValue NoArguments(string name, Func<Run, Value> call) => new(name, (run, arguments) =>
    {
        arguments.Bind(run, 0);
        return call(run);
    });
}
