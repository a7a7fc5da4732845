using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>The checks that public kernels make of their operands.</summary>
internal static class Shapes
{
    /// <exception cref="ArgumentException">The view is not F32 or has another shape.</exception>
    public static void Require(Matrix matrix, int rows, int columns, [CallerArgumentExpression(nameof(matrix))] string? name = null)
    {
        if (matrix.ElementType == ElementType.F32 && matrix.Rows == rows && matrix.Columns == columns && matrix.Buffer is not null) return;
        throw new ArgumentException($"expected {rows}x{columns} F32, found {matrix.Rows}x{matrix.Columns} {matrix.ElementType}", name);
    }

    /// <exception cref="ArgumentException">The view, if there is one, is not F32 or has another shape.</exception>
    public static void Require(Matrix? matrix, int rows, int columns, [CallerArgumentExpression(nameof(matrix))] string? name = null)
    {
        if (matrix is Matrix present) Require(present, rows, columns, name);
    }

    /// <exception cref="ArgumentException">The list has another length.</exception>
    public static void RequireLength(int length, int expected, string name)
    {
        if (length != expected) throw new ArgumentException($"expected {expected} entries, one for each row, found {length}", name);
    }

    /// <summary>Checks every index before anything is written.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An index is negative (unless that is allowed) or not below the bound.</exception>
    public static void RequireIndices(ReadOnlySpan<int> indices, int bound, string name, bool negativeAllowed = false)
    {
        for (int i = 0; i < indices.Length; i++)
        {
            int index = indices[i];
            if ((uint)index < (uint)bound || (index < 0 && negativeAllowed)) continue;
            throw new ArgumentOutOfRangeException(name, index, $"entry {i} is {index}, expected 0 to {bound - 1}");
        }
    }
}
