using System.Runtime.CompilerServices;
using Hadal.Tokenization.Templates.Syntax;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>
/// One rendering: where it is in the template, and what it may still spend. Templates come from strangers, so every evaluation, every
/// character that is copied and every item that is made costs steps; when they are gone, so is the rendering. That bounds time and memory
/// at once.
/// </summary>
internal sealed class Run(string template, ChatTemplateOptions options)
{
    // A step pays for this many characters, copied or compared.
    private const int CharactersPerStep = 4;

    // An item costs more than a character: an object and a reference.
    private const int StepsPerItem = 4;

    // Evaluation takes at most half a kilobyte of stack for a level.
    private const int DeepestRecursion = 1000;

    /// <summary>Levels that a value may have; walks through values recurse.</summary>
    public const int DeepestValue = 100;

    private long _steps = options.MaxSteps;
    private int _depth;

    /// <summary>The place that failures name.</summary>
    public Position At { get; set; }

    public TimeProvider Clock => options.Clock;

    public int LongestText => options.MaxLength;

    public TemplateException Fail(string problem, Exception? innerException = null) => new(template, At.Line, At.Column, problem, innerException);

    public TemplateRaisedException Raise(string message) => new(template, At.Line, At.Column, message);

    public void Charge(long steps)
    {
        _steps -= steps;
        if (_steps < 0) throw Fail($"the rendering takes more than the {options.MaxSteps} steps that it may take");
    }

    /// <summary>Pays for a text before it is made.</summary>
    public void ChargeText(long characters)
    {
        if (characters > LongestText) throw Fail($"a text gets longer than the {LongestText} characters that it may have");
        Charge(1 + (characters / CharactersPerStep));
    }

    /// <summary>Pays for items before they are made.</summary>
    public void ChargeItems(long count) => Charge(count > long.MaxValue / StepsPerItem ? long.MaxValue : count * StepsPerItem);

    /// <summary>Pays for a search, which in the worst case compares the needle at every place.</summary>
    public void ChargeSearch(int haystack, int needle) => Charge(1 + ((long)haystack * Math.Max(needle, 4) / 64));

    /// <summary>Goes one level down; every call is followed by <see cref="Leave"/> unless the rendering fails.</summary>
    public void Enter(Position at)
    {
        Charge(1);
        if (++_depth <= DeepestRecursion && RuntimeHelpers.TryEnsureSufficientExecutionStack()) return;
        At = at;
        throw Fail("the template calls itself too deeply");
    }

    public void Leave() => _depth--;

    public SequenceValue Sequence(SequenceKind kind, Value[] items)
    {
        ChargeItems(items.Length);
        SequenceValue sequence = new(kind, items);
        return sequence.Depth <= DeepestValue ? sequence : throw TooDeep();
    }

    public MappingValue Mapping(IReadOnlyCollection<KeyValuePair<Value, Value>> pairs)
    {
        ChargeItems(pairs.Count * 2L);
        foreach (KeyValuePair<Value, Value> pair in pairs)
        {
            if (!MappingValue.IsKey(pair.Key)) throw Fail($"found a {pair.Key.TypeName} as a mapping's key, expected a text or a number");
        }

        MappingValue mapping = new(pairs);
        return mapping.Depth <= DeepestValue ? mapping : throw TooDeep();
    }

    public TextValue Text(string text, params ReadOnlySpan<Value?> sources)
    {
        ChargeText(text.Length);
        return TextValue.Derived(text, sources);
    }

    private TemplateException TooDeep() => Fail($"a value nests deeper than the {DeepestValue} levels that it may have");
}
