using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>Which arrays of a model are held in the type that is asked for, and what becomes of the others: the only place that knows.</summary>
public static class MatrixTypes
{
    /// <summary>The types in which matrices can be held.</summary>
    public static IReadOnlyList<ElementType> All { get; } =
    [
        ElementType.F32, ElementType.BF16, ElementType.F8Scaled, ElementType.Q8_0, ElementType.Q6_K, ElementType.Q4_K, ElementType.Q4_0,
    ];

    /// <summary>
    /// The arrays in which a parameter of a model is to be held, and their types: itself, but kv_b_proj as its halves where one of them can
    /// be in ggml's blocks.
    /// </summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="wanted">One of <see cref="All"/>: the type of the model's matrices.</param>
    /// <exception cref="ArgumentException">Matrices can't be held in that type.</exception>
    public static IReadOnlyList<(Parameter Array, ElementType Type)> Arrays(Parameter parameter, ElementType wanted)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        if (parameter.LatentUp is { } up && up.Whole == parameter)
        {
            (ElementType keys, ElementType values) = (For(up.Keys, wanted), For(up.Values, wanted));
            if (keys.IsBlocked() || values.IsBlocked()) return [(up.Keys, keys), (up.Values, values)];
        }

        return [(parameter, For(parameter, wanted))];
    }

    /// <summary>
    /// The type for an array of a model whose matrices are to be held in <paramref name="wanted"/>. Norms, biases and routers are F32
    /// (DeepSeek-V3, 2412.19437, section 3.3.1). Of types in blocks: kv_b_proj as a whole stays BF16, because absorbed attention multiplies
    /// half of it from the other side (<see cref="Arrays"/>); so do stacks of rows that make no whole panels, and rows that make no whole
    /// blocks, where Q4_K and Q6_K try Q8_0 first. F8Scaled takes projections and experts only, as DeepSeek-V3 is released.
    /// </summary>
    /// <param name="parameter">The array.</param>
    /// <param name="wanted">One of <see cref="All"/>.</param>
    /// <exception cref="ArgumentException">Matrices can't be held in that type.</exception>
    public static ElementType For(Parameter parameter, ElementType wanted)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        Require(wanted);
        if (!parameter.IsNarrowable) return ElementType.F32;
        if (!wanted.IsBlocked()) return wanted;
        if (parameter.LatentUp is { } up && (up.Whole == parameter || wanted == ElementType.F8Scaled)) return ElementType.BF16;
        if (wanted == ElementType.F8Scaled && !IsReleasedInF8(parameter)) return ElementType.BF16;
        if (parameter.Shape.Rank == 3 && parameter.Shape[1] % WeightPanels.Rows != 0) return ElementType.BF16;
        ElementType held = wanted is ElementType.Q4_K or ElementType.Q6_K && parameter.Shape.Last % wanted.BlockElements() != 0 ? ElementType.Q8_0 : wanted;
        return parameter.Shape.Last % held.BlockElements() == 0 ? held : ElementType.BF16;
    }

    // All projections but the one that merges the two inputs of a prediction module, and no embedding.
    private static bool IsReleasedInF8(Parameter parameter) =>
        parameter.Kind is ParameterKind.Projection or ParameterKind.Experts && !parameter.Name.EndsWith(".eh_proj.weight", StringComparison.Ordinal);

    /// <exception cref="ArgumentException">Matrices can't be held in that type.</exception>
    internal static void Require(ElementType type)
    {
        if (!All.Contains(type)) throw new ArgumentException($"matrices are held as {string.Join(", ", All)}, not as {type}", nameof(type));
    }
}
