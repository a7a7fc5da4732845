using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>
/// What one sequence leaves behind for its next tokens; owned by the sequence's timeline, never by a layer. A row per token and layer:
/// for latent attention the compressed latent and the rotated key, [kv_lora_rank + rope], and nothing else; for grouped-query
/// attention the keys and then the values of the key heads. Memory grows with the sequence, by doubling.
/// </summary>
public sealed class KvCache : IDisposable
{
    private readonly NativeBuffer?[] _layers;
    private readonly int _width;
    private int _capacity;

    /// <summary>Makes an empty cache for a model.</summary>
    public KvCache(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _layers = new NativeBuffer?[config.NumHiddenLayers];
        _width = config.CacheElementsPerLayer;
    }

    /// <summary>How each number is stored.</summary>
    public const ElementType StoredAs = ElementType.F32;

    /// <summary>Tokens that are cached.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes of memory that the cache holds.</summary>
    public long ByteLength => _layers.Sum(layer => layer?.ByteLength ?? 0);

    /// <summary>Forgets all tokens from <paramref name="length"/> on.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        foreach (NativeBuffer? layer in _layers) layer?.Dispose();
        Array.Clear(_layers);
        Length = _capacity = 0;
    }

    /// <summary>Makes room for <paramref name="count"/> more tokens in every layer.</summary>
    internal void Reserve(int count)
    {
        int needed = checked(Length + count);
        if (needed <= _capacity) return;
        int capacity = Math.Max(needed, Math.Max(64, (int)Math.Min(int.MaxValue, 2L * _capacity)));
        for (int l = 0; l < _layers.Length; l++)
        {
            NativeBuffer grown = new((long)capacity * _width * sizeof(float), zeroed: false);
            if (_layers[l] is { } old)
            {
                for (int t = 0; t < Length; t++) old.AsSpan<float>((long)t * _width, _width).CopyTo(grown.AsSpan<float>((long)t * _width, _width));
                old.Dispose();
            }

            _layers[l] = grown;
        }

        _capacity = capacity;
    }

    /// <summary>The rows of the tokens so far and of <paramref name="added"/> new ones, which the layer fills: [Length + added, width].</summary>
    internal Matrix Rows(int layer, int added) =>
        new(_layers[layer] ?? throw new InvalidOperationException("the cache has no room reserved"), StoredAs, 0, Length + added, _width);

    /// <summary>Counts tokens in, after every layer has stored them.</summary>
    internal void Advance(int count) => Length += count;
}
