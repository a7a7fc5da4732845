using System.Collections.Frozen;
using System.Text;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>The methods of Python's <c>str</c> that templates call.</summary>
internal static class TextMethods
{
    public delegate Value Method(Run run, string text, Arguments arguments);

    public static FrozenDictionary<string, Method> All { get; } = new Dictionary<string, Method>
    {
        ["strip"] = (run, text, a) => Strip(run, text, a, left: true, right: true),
        ["lstrip"] = (run, text, a) => Strip(run, text, a, left: true, right: false),
        ["rstrip"] = (run, text, a) => Strip(run, text, a, left: false, right: true),
        ["split"] = (run, text, a) => Split(run, text, a, fromRight: false),
        ["rsplit"] = (run, text, a) => Split(run, text, a, fromRight: true),
        ["splitlines"] = (run, text, a) => Texts(run, PythonStrings.Lines(run, text, a.Bind(run, 0, "keepends").IsTrue(0))),
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
        ["count"] = (run, text, a) => new IntegerValue(PythonStrings.Count(run, text, a.Bind(run, 1, "sub").Text(0))),
        ["isdigit"] = (run, text, a) => Every(run, text, a, Rune.IsDigit),
        ["isalpha"] = (run, text, a) => Every(run, text, a, Rune.IsLetter),
        ["isalnum"] = (run, text, a) => Every(run, text, a, Rune.IsLetterOrDigit),
        ["isspace"] = (run, text, a) => Every(run, text, a, rune => rune.IsBmp && Whitespace.Is((char)rune.Value)),
        ["isupper"] = (run, text, a) => Cased(run, text, a, Rune.IsUpper, Rune.IsLower),
        ["islower"] = (run, text, a) => Cased(run, text, a, Rune.IsLower, Rune.IsUpper),
    }.ToFrozenDictionary();

    private static TextValue Strip(Run run, string text, Arguments arguments, bool left, bool right)
    {
        string? characters = arguments.Bind(run, 0, "chars").TextOrNone(0);
        run.ChargeSearch(text.Length, characters?.Length ?? 1);
        return run.Text(PythonStrings.Strip(text, characters, left, right));
    }

    private static SequenceValue Split(Run run, string text, Arguments arguments, bool fromRight)
    {
        Bound bound = arguments.Bind(run, 0, "sep", "maxsplit");
        long most = Math.Max(-1, bound.Integer(1, -1));
        run.ChargeText(text.Length);
        if (bound.TextOrNone(0) is not { } separator) return Texts(run, PythonStrings.SplitWhitespace(run, text, most, fromRight));
        if (separator.Length == 0) throw run.Fail($"'{arguments.Function}' gets an empty separator, expected a text");
        return Texts(run, PythonStrings.Split(run, text, separator, most, fromRight));
    }

    private static SequenceValue Partition(Run run, string text, Arguments arguments, bool fromRight)
    {
        string separator = arguments.Bind(run, 1, "sep").Text(0);
        if (separator.Length == 0) throw run.Fail($"'{arguments.Function}' gets an empty separator, expected a text");
        run.ChargeText(text.Length);
        List<string> parts = PythonStrings.Split(run, text, separator, 1, fromRight);
        string[] all = parts.Count == 2 ? [parts[0], separator, parts[1]] : fromRight ? ["", "", text] : [text, "", ""];
        return run.Sequence(SequenceKind.Tuple, [.. all.Select(part => new TextValue(part))]);
    }

    private static SequenceValue Texts(Run run, List<string> texts) => run.Sequence(SequenceKind.List, [.. texts.Select(text => new TextValue(text))]);

    private static BooleanValue Affix(Run run, string text, Arguments arguments, Func<string, string, bool> has)
    {
        Bound bound = arguments.Bind(run, 1, "affix");
        if (bound[0] is not SequenceValue { Kind: SequenceKind.Tuple } several) return BooleanValue.Of(has(text, bound.Text(0)));
        run.ChargeItems(several.Items.Length);
        if (!Array.TrueForAll(several.Items, item => item is TextValue))
        {
            throw run.Fail($"'{arguments.Function}' gets a tuple with something other than texts, expected texts");
        }

        return BooleanValue.Of(Array.Exists(several.Items, item => has(text, ((TextValue)item).Value)));
    }

    private static TextValue RemovePrefix(Run run, string text, Arguments arguments)
    {
        string prefix = arguments.Bind(run, 1, "prefix").Text(0);
        return run.Text(text.StartsWith(prefix, StringComparison.Ordinal) ? text[prefix.Length..] : text);
    }

    private static TextValue RemoveSuffix(Run run, string text, Arguments arguments)
    {
        string suffix = arguments.Bind(run, 1, "suffix").Text(0);
        return run.Text(text.EndsWith(suffix, StringComparison.Ordinal) ? text[..^suffix.Length] : text);
    }

    private static TextValue Replace(Run run, string text, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 2, "old", "new", "count");
        return new TextValue(PythonStrings.Replace(run, text, bound.Text(0), bound.Text(1), Math.Max(-1, bound.Integer(2, -1))));
    }

    private static TextValue Mapped(Run run, string text, Arguments arguments, Func<string, string> map)
    {
        arguments.Bind(run, 0);
        run.ChargeText(text.Length);
        return new TextValue(map(text));
    }

    private static TextValue Join(Run run, string separator, Arguments arguments)
    {
        Value[] items = Iteration.Items(run, arguments.Bind(run, 1, "iterable")[0]!);
        if (!Array.TrueForAll(items, item => item is TextValue)) throw run.Fail("'join' gets something other than texts, expected texts");
        return Iteration.Join(run, separator, items);
    }

    private static long Find(Run run, string text, Arguments arguments, bool last)
    {
        string part = arguments.Bind(run, 1, "sub").Text(0);
        run.ChargeSearch(text.Length, part.Length);
        // .NET finds an empty text behind the last character too, as Python does.
        int at = last ? text.AsSpan().LastIndexOf(part, StringComparison.Ordinal) : text.IndexOf(part, StringComparison.Ordinal);
        return CodePoints.IndexOf(text, at);
    }

    private static IntegerValue Index(Run run, string text, Arguments arguments)
    {
        long at = Find(run, text, arguments, last: false);
        return at >= 0 ? new IntegerValue(at) : throw run.Fail("'index' finds nothing, expected a text that is there");
    }

    private static BooleanValue Every(Run run, string text, Arguments arguments, Func<Rune, bool> test)
    {
        arguments.Bind(run, 0);
        run.ChargeText(text.Length);
        return BooleanValue.Of(text.Length > 0 && text.EnumerateRunes().All(test));
    }

    private static BooleanValue Cased(Run run, string text, Arguments arguments, Func<Rune, bool> wanted, Func<Rune, bool> unwanted)
    {
        arguments.Bind(run, 0);
        run.ChargeText(text.Length);
        return BooleanValue.Of(text.EnumerateRunes().Any(wanted) && !text.EnumerateRunes().Any(unwanted));
    }
}
