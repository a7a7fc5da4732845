using System.Diagnostics.CodeAnalysis;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>A mapping that remembers the order in which its keys came. Keys are texts, numbers, booleans and none.</summary>
internal sealed class MappingValue : Value
{
    private readonly Dictionary<Value, int> _positions;

    /// <summary>Makes a mapping; of a key that comes twice the first place and the last value count.</summary>
    /// <param name="pairs">Keys that <see cref="IsKey"/> accepts, and values.</param>
    public MappingValue(IReadOnlyCollection<KeyValuePair<Value, Value>> pairs)
    {
        _positions = new Dictionary<Value, int>(pairs.Count, KeyComparer.Instance);
        List<KeyValuePair<Value, Value>> kept = new(pairs.Count);
        int deepest = 0;
        foreach (KeyValuePair<Value, Value> pair in pairs)
        {
            deepest = Math.Max(deepest, pair.Value.Depth);
            HasForeign |= pair.Key.HasForeign || pair.Value.HasForeign;
            if (_positions.TryAdd(pair.Key, kept.Count)) kept.Add(pair);
            else kept[_positions[pair.Key]] = new(kept[_positions[pair.Key]].Key, pair.Value);
        }

        Pairs = kept;
        Depth = deepest + 1;
    }

    public IReadOnlyList<KeyValuePair<Value, Value>> Pairs { get; }

    public override int Depth { get; }

    public override bool HasForeign { get; }

    public override string TypeName => "dict";

    public override bool IsTruthy => Pairs.Count > 0;

    /// <summary>Whether a value can be a key.</summary>
    public static bool IsKey(Value value) => value is TextValue or IntegerValue or BooleanValue or FloatValue or NoneValue;

    public bool TryGet(Value key, [MaybeNullWhen(false)] out Value value)
    {
        value = null;
        if (!IsKey(key) || !_positions.TryGetValue(key, out int position)) return false;
        value = Pairs[position].Value;
        return true;
    }

    public Value[] Keys() => [.. Pairs.Select(pair => pair.Key)];

    public Value[] Values() => [.. Pairs.Select(pair => pair.Value)];

    public Value[] Items() => [.. Pairs.Select(pair => new SequenceValue(SequenceKind.Tuple, [pair.Key, pair.Value]))];

    // Python has one key for 1, 1.0 and true.
    private sealed class KeyComparer : IEqualityComparer<Value>
    {
        public static KeyComparer Instance { get; } = new();

        public bool Equals(Value? x, Value? y) => Equality.ScalarsEqual(x!, y!);

        public int GetHashCode(Value value) => value switch
        {
            TextValue text => text.Value.GetHashCode(StringComparison.Ordinal),
            IntegerValue integer => ((double)integer.Value).GetHashCode(),
            FloatValue real => (real.Value == 0 ? 0.0 : real.Value).GetHashCode(),
            BooleanValue boolean => (boolean.Value ? 1.0 : 0.0).GetHashCode(),
            _ => 0,
        };
    }
}
