using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>Packs the left factor, whose panels are as wide as a tile is high.</summary>
internal static unsafe class RowPacking
{
    /// <summary>Packs panels of <paramref name="width"/> rows with registers that are no wider.</summary>
    public static void Pack(Factor factor, int count, int inner, int width, float* destination)
    {
        if (width >= Simd256.Lanes && Vector256.IsHardwareAccelerated)
        {
            PanelPacking<Simd256, Vector256<float>>.Pack(factor, count, inner, width, destination);
        }
        else
        {
            PanelPacking<Simd128, Vector128<float>>.Pack(factor, count, inner, width, destination);
        }
    }
}
