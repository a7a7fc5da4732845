using Hadal.Models;

namespace Hadal.Checkpoints.Gguf;

/// <summary>Which type each tensor of a file gets.</summary>
public static class GgufTypes
{
    /// <summary>The types in which a model can be written.</summary>
    public static IReadOnlyList<GgmlType> Writable { get; } =
        [GgmlType.F32, GgmlType.F16, GgmlType.BF16, GgmlType.Q8_0, GgmlType.Q6_K, GgmlType.Q4_K, GgmlType.Q4_0];

    /// <summary>The type of a tensor of a file that is mostly of one type: that in which this program would hold the array.</summary>
    internal static GgmlType Of(GgufPart part, GgmlType wanted)
    {
        if (!part.Array.IsNarrowable || part.Dimensions.Count < 2) return GgmlType.F32;
        return wanted == GgmlType.F16 ? wanted : GgmlBlocks.OfElementType(MatrixTypes.For(part.Array, GgmlBlocks.ElementType(wanted)!.Value))!.Value;
    }
}
