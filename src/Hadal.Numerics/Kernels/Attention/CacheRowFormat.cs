namespace Hadal.Numerics;

/// <summary>
/// How a token's row of one layer's cache lies in memory: the one place that knows its bytes. A row has two parts: for latent attention
/// the compressed latent and the rotated key, which together are the key, the latent being the value too; for grouped-query attention the
/// keys of all key heads, then their values.
/// </summary>
/// <remarks>
/// F32 keeps what was computed, BF16 rounds it to nearest even. F8E4M3 rounds, to nearest even, the elements divided by a scale, one F32
/// at the end of the row for each group: a row's latent, each head's key, each head's value. The scale is the smallest power of two that
/// brings the group's largest magnitude to at most 448, so scaling itself never rounds. The rotated key of latent attention stays in
/// BF16, as in DeepSeek's own serving (FlashMLA, whose rows have 512 E4M3, four scales and 64 BF16): it is a ninth of the row, and it
/// enters the scores alone, unaveraged.
/// </remarks>
public sealed class CacheRowFormat
{
    private const int PartAlignment = 4;

    private CacheRowFormat(ElementType type, CachePart first, CachePart second, int keyHeads, int keyDim, int valueDim, bool isLatent)
    {
        (ElementType, First, Second, KeyHeads, KeyDim, ValueDim, IsLatent) = (type, first, second, keyHeads, keyDim, valueDim, isLatent);
        RowBytes = ScaleEnd(second, ScaleEnd(first, Aligned(End(second))));
    }

    /// <summary>The type of most elements.</summary>
    public ElementType ElementType { get; }

    /// <summary>Bytes of a row; a layer's pool has this many for each token of each page.</summary>
    public int RowBytes { get; }

    /// <summary>Heads of keys and values; 1 for latent attention.</summary>
    public int KeyHeads { get; }

    /// <summary>Length of a key of one head.</summary>
    public int KeyDim { get; }

    /// <summary>Length of a value of one head.</summary>
    public int ValueDim { get; }

    /// <summary>Whether values are the beginnings of keys.</summary>
    public bool IsLatent { get; }

    /// <summary>Elements of the first part of a row: the latent, or the keys of all heads.</summary>
    public int FirstElements => First.Elements;

    /// <summary>Elements of the second part of a row: the rotated key, or the values of all heads.</summary>
    public int SecondElements => Second.Elements;

    internal CachePart First { get; }

    internal CachePart Second { get; }

    /// <summary>Rows of latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1.3).</summary>
    /// <param name="type">F32, BF16 or F8E4M3.</param>
    /// <param name="rank">Length of the compressed latent, kv_lora_rank.</param>
    /// <param name="rotary">Length of the rotated key, qk_rope_head_dim.</param>
    /// <exception cref="ArgumentException">The type is none of the three, or a length is not positive.</exception>
    public static CacheRowFormat Latent(ElementType type, int rank, int rotary)
    {
        Check(type, rank, rotary, 1);
        CachePart latent = new(type, 0, 1, rank, 0);
        CachePart key = new(type == ElementType.F32 ? ElementType.F32 : ElementType.BF16, Aligned(End(latent)), 1, rotary, 0);
        return new CacheRowFormat(type, latent with { ScaleOffset = Aligned(End(key)) }, key, 1, rank + rotary, rank, isLatent: true);
    }

    /// <summary>Rows of grouped-query attention.</summary>
    /// <param name="type">F32, BF16 or F8E4M3.</param>
    /// <param name="keyHeads">Heads of keys and values.</param>
    /// <param name="keyDim">Length of a key of one head.</param>
    /// <param name="valueDim">Length of a value of one head.</param>
    /// <exception cref="ArgumentException">The type is none of the three, or a number is not positive.</exception>
    public static CacheRowFormat KeysAndValues(ElementType type, int keyHeads, int keyDim, int valueDim)
    {
        Check(type, keyDim, valueDim, keyHeads);
        CachePart keys = new(type, 0, keyHeads, keyDim, 0);
        CachePart values = new(type, Aligned(End(keys)), keyHeads, valueDim, 0);
        keys = keys with { ScaleOffset = Aligned(End(values)) };
        values = values with { ScaleOffset = ScaleEnd(keys, keys.ScaleOffset) };
        return new CacheRowFormat(type, keys, values, keyHeads, keyDim, valueDim, isLatent: false);
    }

    private static int End(CachePart part) => checked(part.Offset + part.Groups * part.Length * part.Type.SizeInBytes());

    private static int Aligned(int bytes) => checked(bytes + PartAlignment - 1) / PartAlignment * PartAlignment;

    private static int ScaleEnd(CachePart part, int start) => part.Type == ElementType.F8E4M3 ? checked(start + part.Groups * sizeof(float)) : start;

    private static void Check(ElementType type, int first, int second, int groups)
    {
        if (type is not (ElementType.F32 or ElementType.BF16 or ElementType.F8E4M3))
        {
            throw new ArgumentException($"a cache holds F32, BF16 or F8E4M3, found {type}", nameof(type));
        }

        if (first <= 0 || second <= 0 || groups <= 0)
        {
            throw new ArgumentException($"a cached row needs positive sizes, found {groups} heads of {first} and {second} elements", nameof(first));
        }
    }
}
