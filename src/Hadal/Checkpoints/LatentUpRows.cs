using Hadal.Models;

namespace Hadal.Checkpoints;

/// <summary>
/// Reads halves of latent up-projections where the whole is stored, and wholes where the halves are: rows of W^UK in the one are columns
/// in the other, so it is turned head by head, and the last head kept for the rows that follow.
/// </summary>
/// <param name="stored">Reads rows of an array that is stored.</param>
internal sealed class LatentUpRows(LatentUpRows.Reader stored)
{
    private (Parameter? Array, int Head, float[] Rows) _turned = (null, -1, []);

    /// <summary>Reads rows as F32.</summary>
    public delegate void Reader(Parameter array, int first, int count, Span<float> destination);

    /// <summary>Reads rows of a projection's whole or half.</summary>
    public void Read(Parameter array, int first, int count, Span<float> destination)
    {
        LatentUpProjection up = array.LatentUp!;
        (int nope, int valueDim, int columns) = (up.Keys.Shape.Last, up.Values.Shape[1], array.Shape.Last);
        for (int row = first; row < first + count; row++, destination = destination[columns..])
        {
            if (array == up.Values)
            {
                stored(up.Whole, row / valueDim * (nope + valueDim) + nope + row % valueDim, 1, destination[..columns]);
                continue;
            }

            int rowsOfHead = array.Shape.Rows / up.Keys.Shape[0], head = row / rowsOfHead, within = row % rowsOfHead;
            if (array == up.Whole && within >= nope) stored(up.Values, head * valueDim + within - nope, 1, destination[..columns]);
            else KeysOf(array, head).AsSpan(within * columns, columns).CopyTo(destination);
        }
    }

    // W^UK of a head in the rows of the array that is asked for.
    private float[] KeysOf(Parameter array, int head)
    {
        if (_turned.Array == array && _turned.Head == head) return _turned.Rows;
        LatentUpProjection up = array.LatentUp!;
        Parameter other = array == up.Whole ? up.Keys : up.Whole;
        (int rows, int columns) = (array.Shape.Last, array == up.Whole ? up.Keys.Shape.Last : up.Keys.Shape[1]);
        float[] from = new float[rows * columns], turned = new float[from.Length];
        stored(other, head * (other.Shape.Rows / up.Keys.Shape[0]), rows, from);
        LatentUpProjection.Turn(from, turned, columns);
        _turned = (array, head, turned);
        return turned;
    }
}
