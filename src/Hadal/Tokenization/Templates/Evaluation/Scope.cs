using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>
/// The names of a template, a macro, or one turn of a loop. A name is looked up outwards and set here only: what a loop's body sets is gone
/// at its next turn.
/// </summary>
internal sealed class Scope(Scope? outer)
{
    private Dictionary<string, Value>? _names;

    public Value? Find(string name)
    {
        for (Scope? at = this; at is not null; at = at.Outer)
        {
            if (at._names is { } names && names.TryGetValue(name, out Value? value)) return value;
        }

        return null;
    }

    private Scope? Outer { get; } = outer;

    public void Set(string name, Value value) => (_names ??= [])[name] = value;
}
