using System.CommandLine;
using Hadal.Numerics;

namespace Hadal.Cli;

/// <summary>The --precision option: what products round their factors to.</summary>
internal static class PrecisionOption
{
    /// <summary>What commands that run a model say of their default.</summary>
    public const string OfModel = "by default bf16 for latent attention beside weights in blocks, and f32 elsewhere";

    /// <summary>Makes it.</summary>
    /// <param name="byDefault">What holds where nothing is said.</param>
    public static Option<ProductPrecision?> Create(string byDefault = OfModel) => new("--precision")
    {
        Description = $"What the factors of matrix products are rounded to: f32 (not at all), bf16, which is faster where 'hadal info' has BF16 products generated, or f8, which is E4M3 in scaled blocks as DeepSeek-V3 trains; {byDefault}.",
        CustomParser = result =>
        {
            string given = result.Tokens[0].Value;
            foreach (ProductPrecision precision in Enum.GetValues<ProductPrecision>())
            {
                if (given.Equals($"{precision}", StringComparison.OrdinalIgnoreCase)) return precision;
            }

            result.AddError($"--precision is '{given}', expected f32, bf16 or f8.");
            return default;
        },
    };
}
