namespace Hadal.Models;

/// <summary>
/// The largest numbers that a config.json may have. All are far beyond any released model; they are here so that a damaged or hostile
/// file is refused by name, before anything is counted wrongly or allocated. Token positions have no limit but 32 bits.
/// </summary>
internal static class SizeLimits
{
    /// <summary>Size of the file itself.</summary>
    public const long FileBytes = 1 << 24;

    /// <summary>Any width, rank, head dimension or vocabulary.</summary>
    public const int Length = 1 << 24;

    /// <summary>Layers; DeepSeek-V3 has 61.</summary>
    public const int Layers = 4096;

    /// <summary>Attention heads; DeepSeek-V3 has 128.</summary>
    public const int Heads = 1 << 16;

    /// <summary>Routed experts of a layer; DeepSeek-V3 has 256.</summary>
    public const int Experts = 1 << 14;

    /// <summary>Multi-token-prediction modules; DeepSeek-V3 has 1.</summary>
    public const int Modules = 64;

    /// <summary>Elements of one array, stacked experts included: 4 TiB in single precision. No sum over layers overflows then.</summary>
    public const long Elements = 1L << 40;

    /// <summary>Fails unless an array of <paramref name="rows"/> times <paramref name="columns"/> can be addressed and counted.</summary>
    /// <param name="reader">The file.</param>
    /// <param name="key">The key that the error names: the array's most telling factor.</param>
    /// <param name="what">What the array is, as <c>num_attention_heads * v_head_dim * hidden_size</c>.</param>
    /// <param name="rows">Product of all lengths but the innermost.</param>
    /// <param name="columns">The innermost length.</param>
    public static void Check(ConfigReader reader, string key, string what, Int128 rows, Int128 columns)
    {
        reader.Require(
            rows <= int.MaxValue && columns <= int.MaxValue && rows * columns <= Elements, key, $"so large that {what} is {rows * columns}",
            $"rows and columns of at most {int.MaxValue} and {Elements} elements in one array");
    }
}
