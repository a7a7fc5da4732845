using System.Text.Json;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Safetensors;

/// <summary>The format's names for element types.</summary>
internal static class SafetensorsDtype
{
    /// <summary>All names, for messages.</summary>
    public const string Known = "F64 F32 F16 BF16 F8_E4M3 F8_E5M2 I64 I32 I16 I8 U64 U32 U16 U8 BOOL";

    // In the order of the format's reference implementation, which writes the tensors of later types first: large elements come
    // before small ones, so every tensor is aligned to its element size.
    private static readonly (string Name, ElementType Type)[] s_types =
    [
        ("BOOL", ElementType.Bool), ("U8", ElementType.U8), ("I8", ElementType.I8), ("F8_E5M2", ElementType.F8E5M2),
        ("F8_E4M3", ElementType.F8E4M3), ("I16", ElementType.I16), ("U16", ElementType.U16), ("F16", ElementType.F16),
        ("BF16", ElementType.BF16), ("I32", ElementType.I32), ("U32", ElementType.U32), ("F32", ElementType.F32),
        ("F64", ElementType.F64), ("I64", ElementType.I64), ("U64", ElementType.U64),
    ];

    /// <summary>The name of a type.</summary>
    public static string Name(ElementType type) => s_types[Rank(type)].Name;

    /// <summary>The type's place in the order of the reference implementation.</summary>
    public static int Rank(ElementType type)
    {
        int rank = Array.FindIndex(s_types, known => known.Type == type);
        if (rank < 0) throw new ArgumentOutOfRangeException(nameof(type), type, "safetensors has no name for this element type");
        return rank;
    }

    /// <summary>Reads the name that the reader stands on, without making a string of it.</summary>
    public static bool TryParse(ref Utf8JsonReader reader, out ElementType type)
    {
        foreach ((string name, ElementType known) in s_types)
        {
            if (!reader.ValueTextEquals(name)) continue;
            type = known;
            return true;
        }

        type = default;
        return false;
    }
}
