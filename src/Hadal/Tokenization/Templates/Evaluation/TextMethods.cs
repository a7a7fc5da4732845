using System.Collections.Frozen;
using System.Text;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>The methods of Python's <c>str</c> that templates call.</summary>
internal static class TextMethods
{
    public delegate Value Method(Run run, TextValue text, Arguments arguments);

    public static FrozenDictionary<string, Method> All { get; } = new Dictionary<string, Method>
    {
        ["strip"] = (run, text, a) => Strip(run, text, a, left: true, right: true),
        ["lstrip"] = (run, text, a) => Strip(run, text, a, left: true, right: false),
        ["rstrip"] = (run, text, a) => Strip(run, text, a, left: false, right: true),
        ["split"] = (run, text, a) => Split(run, text, a, fromRight: false),
        ["rsplit"] = (run, text, a) => Split(run, text, a, fromRight: true),
        ["splitlines"] = (run, text, a) => Texts(run, text, PythonStrings.Lines(run, text.Value, a.Bind(run, 0, "keepends").IsTrue(0))),
        ["partition"] = (run, text, a) => Partition(run, text, a, fromRight: false),
        ["rpartition"] = (run, text, a) => Partition(run, text, a, fromRight: true),
        ["startswith"] = (run, text, a) => Affix(run, text, a, (whole, part) => whole.StartsWith(part, StringComparison.Ordinal)),
        ["endswith"] = (run, text, a) => Affix(run, text, a, (whole, part) => whole.EndsWith(part, StringComparison.Ordinal)),
        ["removeprefix"] = RemovePrefix,
        ["removesuffix"] = RemoveSuffix,
        ["replace"] = Replace,
        ["upper"] = (run, text, a) => Mapped(run, text, a, PythonStrings.Upper),
        ["lower"] = (run, text, a) => Mapped(run, text, a, PythonStrings.Lower),
        ["title"] = (run, text, a) => Mapped(run, text, a, PythonStrings.Title),
        ["capitalize"] = (run, text, a) => Mapped(run, text, a, PythonStrings.Capitalize),
        ["join"] = Join,
        ["find"] = (run, text, a) => new IntegerValue(Find(run, text, a, last: false)),
        ["rfind"] = (run, text, a) => new IntegerValue(Find(run, text, a, last: true)),
        ["index"] = Index,
        ["count"] = (run, text, a) => new IntegerValue(PythonStrings.Count(run, text.Value, a.Bind(run, 1, "sub").Text(0))),
        ["isdigit"] = (run, text, a) => Every(run, text, a, Rune.IsDigit),
        ["isalpha"] = (run, text, a) => Every(run, text, a, Rune.IsLetter),
        ["isalnum"] = (run, text, a) => Every(run, text, a, Rune.IsLetterOrDigit),
        ["isspace"] = (run, text, a) => Every(run, text, a, rune => rune.IsBmp && Whitespace.Is((char)rune.Value)),
        ["isupper"] = (run, text, a) => Cased(run, text, a, Rune.IsUpper, Rune.IsLower),
        ["islower"] = (run, text, a) => Cased(run, text, a, Rune.IsLower, Rune.IsUpper),
    }.ToFrozenDictionary();

    private static TextValue Strip(Run run, TextValue text, Arguments arguments, bool left, bool right)
    {
        string? characters = arguments.Bind(run, 0, "chars").TextOrNone(0);
        run.ChargeSearch(text.Value.Length, characters?.Length ?? 1);
        run.ChargeText(text.Value.Length);
        return text.Slice(PythonStrings.Strip(text.Value, characters, left, right));
    }

    private static SequenceValue Split(Run run, TextValue text, Arguments arguments, bool fromRight)
    {
        Bound bound = arguments.Bind(run, 0, "sep", "maxsplit");
        long most = Math.Max(-1, bound.Integer(1, -1));
        run.ChargeText(text.Value.Length);
        if (bound.TextOrNone(0) is not { } separator) return Texts(run, text, PythonStrings.SplitWhitespace(run, text.Value, most, fromRight));
        if (separator.Length == 0) throw run.Fail($"'{arguments.Function}' gets an empty separator, expected a text");
        return Texts(run, text, PythonStrings.Split(run, text.Value, separator, most, fromRight));
    }

    private static SequenceValue Partition(Run run, TextValue text, Arguments arguments, bool fromRight)
    {
        string separator = arguments.Bind(run, 1, "sep").Text(0);
        if (separator.Length == 0) throw run.Fail($"'{arguments.Function}' gets an empty separator, expected a text");
        int length = text.Value.Length;
        run.ChargeText(length);
        List<TextSpan> parts = PythonStrings.Split(run, text.Value, separator, 1, fromRight);
        TextSpan whole = new(0, length), end = new(length, 0), start = new(0, 0);
        List<TextSpan> all = parts.Count == 2
            ? [parts[0], new TextSpan(parts[0].End, separator.Length), parts[1]]
            : fromRight ? [start, start, whole] : [whole, end, end];
        return run.Sequence(SequenceKind.Tuple, [.. all.Select(text.Slice)]);
    }

    private static SequenceValue Texts(Run run, TextValue text, List<TextSpan> parts) => run.Sequence(SequenceKind.List, [.. parts.Select(text.Slice)]);

    private static BooleanValue Affix(Run run, TextValue text, Arguments arguments, Func<string, string, bool> has)
    {
        Bound bound = arguments.Bind(run, 1, "affix");
        if (bound[0] is not SequenceValue { Kind: SequenceKind.Tuple } several) return BooleanValue.Of(has(text.Value, bound.Text(0)));
        run.ChargeItems(several.Items.Length);
        if (!Array.TrueForAll(several.Items, item => item is TextValue))
        {
            throw run.Fail($"'{arguments.Function}' gets a tuple with something other than texts, expected texts");
        }

        return BooleanValue.Of(Array.Exists(several.Items, item => has(text.Value, ((TextValue)item).Value)));
    }

    private static TextValue RemovePrefix(Run run, TextValue text, Arguments arguments)
    {
        string prefix = arguments.Bind(run, 1, "prefix").Text(0), whole = text.Value;
        run.ChargeText(whole.Length);
        return whole.StartsWith(prefix, StringComparison.Ordinal) ? text.Slice(prefix.Length, whole.Length - prefix.Length) : text;
    }

    private static TextValue RemoveSuffix(Run run, TextValue text, Arguments arguments)
    {
        string suffix = arguments.Bind(run, 1, "suffix").Text(0), whole = text.Value;
        run.ChargeText(whole.Length);
        return whole.EndsWith(suffix, StringComparison.Ordinal) ? text.Slice(0, whole.Length - suffix.Length) : text;
    }

    private static TextValue Replace(Run run, TextValue text, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 2, "old", "new", "count");
        return PythonStrings.Replace(run, text, bound.Text(0), bound.TextValue(1), Math.Max(-1, bound.Integer(2, -1)));
    }

    private static TextValue Mapped(Run run, TextValue text, Arguments arguments, Func<string, string> map)
    {
        arguments.Bind(run, 0);
        run.ChargeText(text.Value.Length);
        return TextValue.Derived(map(text.Value), text);
    }

    private static TextValue Join(Run run, TextValue separator, Arguments arguments)
    {
        Value[] items = Iteration.Items(run, arguments.Bind(run, 1, "iterable")[0]!);
        if (!Array.TrueForAll(items, item => item is TextValue)) throw run.Fail("'join' gets something other than texts, expected texts");
        return Iteration.Join(run, separator, items);
    }

    private static long Find(Run run, TextValue subject, Arguments arguments, bool last)
    {
        string part = arguments.Bind(run, 1, "sub").Text(0), text = subject.Value;
        run.ChargeSearch(text.Length, part.Length);
        // .NET finds an empty text behind the last character too, as Python does.
        int at = last ? text.AsSpan().LastIndexOf(part, StringComparison.Ordinal) : text.IndexOf(part, StringComparison.Ordinal);
        return CodePoints.IndexOf(text, at);
    }

    private static IntegerValue Index(Run run, TextValue text, Arguments arguments)
    {
        long at = Find(run, text, arguments, last: false);
        return at >= 0 ? new IntegerValue(at) : throw run.Fail("'index' finds nothing, expected a text that is there");
    }

    private static BooleanValue Every(Run run, TextValue text, Arguments arguments, Func<Rune, bool> test)
    {
        arguments.Bind(run, 0);
        run.ChargeText(text.Value.Length);
        return BooleanValue.Of(text.Value.Length > 0 && text.Value.EnumerateRunes().All(test));
    }

    private static BooleanValue Cased(Run run, TextValue text, Arguments arguments, Func<Rune, bool> wanted, Func<Rune, bool> unwanted)
    {
        arguments.Bind(run, 0);
        run.ChargeText(text.Value.Length);
        return BooleanValue.Of(text.Value.EnumerateRunes().Any(wanted) && !text.Value.EnumerateRunes().Any(unwanted));
    }
}
