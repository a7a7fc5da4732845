using System.Collections.Frozen;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>
/// The filters by name: Jinja's, <c>tojson</c> as Hugging Face has it, and llama.cpp's <c>from_json</c>, which templates that it ships use.
/// </summary>
internal static class FilterTable
{
    public delegate Value Filter(Run run, Value input, Arguments arguments);

    private static readonly FrozenDictionary<string, Filter> _all = new Dictionary<string, Filter>
    {
        ["abs"] = NumberFilters.Absolute,
        ["capitalize"] = (run, input, a) => TextFilters.Mapped(run, input, a, PythonStrings.Capitalize),
        ["count"] = Length,
        ["d"] = Default,
        ["default"] = Default,
        ["dictsort"] = SortFilters.Mapping,
        ["first"] = SequenceFilters.First,
        ["float"] = NumberFilters.Float,
        ["from_json"] = TextFilters.FromJson,
        ["indent"] = TextFilters.Indent,
        ["int"] = NumberFilters.Int,
        ["items"] = SequenceFilters.Items,
        ["join"] = SequenceFilters.Join,
        ["last"] = SequenceFilters.Last,
        ["length"] = Length,
        ["list"] = SequenceFilters.List,
        ["lower"] = (run, input, a) => TextFilters.Mapped(run, input, a, PythonStrings.Lower),
        ["map"] = SelectionFilters.Map,
        ["max"] = (run, input, a) => SortFilters.Extreme(run, input, a, sign: 1),
        ["min"] = (run, input, a) => SortFilters.Extreme(run, input, a, sign: -1),
        ["reject"] = (run, input, a) => SelectionFilters.Select(run, input, a, keep: false),
        ["rejectattr"] = (run, input, a) => SelectionFilters.SelectAttribute(run, input, a, keep: false),
        ["replace"] = TextFilters.Replace,
        ["reverse"] = SequenceFilters.Reverse,
        ["safe"] = (run, input, a) => TextFilters.Mapped(run, input, a, text => text),
        ["select"] = (run, input, a) => SelectionFilters.Select(run, input, a, keep: true),
        ["selectattr"] = (run, input, a) => SelectionFilters.SelectAttribute(run, input, a, keep: true),
        ["sort"] = SortFilters.Sort,
        ["string"] = (run, input, a) => TextFilters.Mapped(run, input, a, text => text),
        ["sum"] = SequenceFilters.Sum,
        ["title"] = (run, input, a) => TextFilters.Mapped(run, input, a, PythonStrings.TitleOfFilter),
        ["tojson"] = TextFilters.ToJson,
        ["trim"] = TextFilters.Trim,
        ["unique"] = SortFilters.Unique,
        ["upper"] = (run, input, a) => TextFilters.Mapped(run, input, a, PythonStrings.Upper),
    }.ToFrozenDictionary();

    public static bool Contains(string name) => _all.ContainsKey(name);

    public static Value Apply(Run run, Value input, Arguments arguments)
    {
        if (_all.TryGetValue(arguments.Function, out Filter? filter)) return filter(run, input, arguments);
        throw run.Fail($"found the filter {TemplateException.Quote(arguments.Function)}, expected one that is supported");
    }

    private static IntegerValue Length(Run run, Value input, Arguments arguments)
    {
        arguments.Bind(run, 0);
        return new IntegerValue(Iteration.Length(run, input));
    }

    private static Value Default(Run run, Value input, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 0, "default_value", "boolean");
        bool replaced = input is UndefinedValue || (bound.IsTrue(1) && !input.IsTruthy);
        return replaced ? bound[0] ?? TextValue.Empty : input;
    }
}
