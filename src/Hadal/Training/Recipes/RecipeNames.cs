using System.Text.Json;

namespace Hadal.Training;

/// <summary>Names of choices as recipes spell them: camel case, and the types of numbers in small letters (<c>bf16</c>, not <c>bF16</c>).</summary>
internal sealed class RecipeNames : JsonNamingPolicy
{
    /// <inheritdoc/>
    public override string ConvertName(string name) => name.Any(char.IsLower) ? CamelCase.ConvertName(name) : name.ToLowerInvariant();
}
