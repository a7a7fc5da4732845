using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>
/// A loop over items, and what a template calls <c>loop</c> in it. Items are fetched one by one, a filtered loop's test just before, so
/// that a test may depend on what the body has done; only <c>last</c> and <c>nextitem</c> look one ahead, and lengths fetch all.
/// </summary>
internal sealed class LoopValue(Run run, IEnumerator<Value> source, int? length) : Value
{
    private readonly Queue<Value> _ahead = new();
    private int? _length = length;
    private Value? _previous;
    private Value? _current;
    private Value[]? _lastChanged;
    private long _index0 = -1;

    public override string TypeName => "LoopContext";

    /// <summary>Moves to the next item; null at the end.</summary>
    public Value? Next()
    {
        Value? next = _ahead.Count > 0 ? _ahead.Dequeue() : source.MoveNext() ? source.Current : null;
        if (next is null) return null;
        _index0++;
        _previous = _current;
        _current = next;
        return next;
    }

    public Value? Attribute(string name) => name switch
    {
        "index" => new IntegerValue(_index0 + 1),
        "index0" => new IntegerValue(_index0),
        "first" => BooleanValue.Of(_index0 == 0),
        "last" => BooleanValue.Of(Peek() is null),
        "length" => new IntegerValue(Length()),
        "revindex" => new IntegerValue(Length() - _index0),
        "revindex0" => new IntegerValue(Length() - _index0 - 1),
        "previtem" => _previous ?? new UndefinedValue("there is no previous item"),
        "nextitem" => Peek() ?? new UndefinedValue("there is no next item"),
        // Depths count the levels of recursive loops, which aren't read, so this is always the first.
        "depth" => new IntegerValue(1),
        "depth0" => new IntegerValue(0),
        "cycle" => new FunctionValue(name, (at, arguments) => arguments.Positional.Length > 0
            ? arguments.Positional[_index0 % arguments.Positional.Length]
            : throw at.Fail("'cycle' gets no arguments, expected at least one")),
        "changed" => new FunctionValue(name, (at, arguments) => BooleanValue.Of(Changed(at, arguments.Positional))),
        _ => null,
    };

    private Value? Peek()
    {
        if (_ahead.Count == 0 && source.MoveNext()) _ahead.Enqueue(source.Current);
        return _ahead.TryPeek(out Value? next) ? next : null;
    }

    private long Length()
    {
        if (_length is null)
        {
            while (source.MoveNext())
            {
                run.ChargeItems(1);
                _ahead.Enqueue(source.Current);
            }

            _length = (int)_index0 + 1 + _ahead.Count;
        }

        return _length.Value;
    }

    private bool Changed(Run at, Value[] values)
    {
        bool same = _lastChanged is { } last && last.Length == values.Length
            && last.Zip(values).All(pair => Equality.AreEqual(at, pair.First, pair.Second));
        _lastChanged = values;
        return !same;
    }
}
