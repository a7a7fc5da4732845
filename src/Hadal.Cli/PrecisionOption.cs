using System.CommandLine;
using Hadal.Numerics;

namespace Hadal.Cli;

/// <summary>The --precision option: what products round their factors to.</summary>
internal static class PrecisionOption
{
    /// <summary>Makes it.</summary>
    /// <param name="standard">The precision where nothing is said.</param>
    public static Option<ProductPrecision> Create(ProductPrecision standard = ProductPrecision.F32) => new("--precision")
    {
        Description = "What the factors of matrix products are rounded to: f32 (not at all), or bf16, which is faster where 'hadal info' has BF16 products generated.",
        DefaultValueFactory = _ => standard,
        CustomParser = result =>
        {
            string given = result.Tokens[0].Value;
            foreach (ProductPrecision precision in Enum.GetValues<ProductPrecision>())
            {
                if (given.Equals($"{precision}", StringComparison.OrdinalIgnoreCase)) return precision;
            }

            result.AddError($"--precision is '{given}', expected f32 or bf16.");
            return default;
        },
    };
}
