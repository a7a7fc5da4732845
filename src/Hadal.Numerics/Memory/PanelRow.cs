using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>One row within a panel of 16: where its blocks lie, taken out and put in. See <see cref="PanelLayout"/>.</summary>
internal readonly unsafe struct PanelRow<TFormat> where TFormat : struct, IBlockFormat
{
    private readonly byte* _heads;
    private readonly byte* _elements;
    private readonly int _row;

    /// <summary>Row <paramref name="row"/> of a view.</summary>
    public PanelRow(Matrix matrix, int row)
    {
        PanelLayout layout = PanelLayout.Of<TFormat>();
        byte* panel = (byte*)matrix.Data + row / PanelLayout.Rows * layout.PanelBytes(matrix.Columns);
        _row = row % PanelLayout.Rows;
        _heads = panel;
        _elements = panel + layout.HeadsBytes(matrix.Columns) + _row * sizeof(uint);
    }

    /// <summary>Writes block <paramref name="block"/> from its loose form.</summary>
    public void Put(int block, ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements)
    {
        byte* heads = _heads + (long)block * TFormat.HeadBytes * PanelLayout.Rows;
        for (int at = 0; at < head.Length; at += FieldBytes(at)) head.Slice(at, FieldBytes(at)).CopyTo(Field(heads, at));

        fixed (byte* source = elements)
        {
            uint* groups = (uint*)source;
            byte* to = Part(block);
            for (int part = 0; part < TFormat.Elements / PanelLayout.PartColumns; part++, groups += 8, to += PartBytes)
            {
                for (int g = 0; g < 4; g++)
                {
                    uint first = groups[g], second = groups[g + 4];
                    if (TFormat.Bits == 8)
                    {
                        *Group(to, g) = first;
                        *Group(to, g + 4) = second;
                    }
                    else
                    {
                        *Group(to, g) = (first & 0x0f0f0f0f) | (second & 0x0f0f0f0f) << 4;
                    }
                }

                if (TFormat.Bits != 6) continue;
                (uint low, uint high) = (0, 0);
                for (int g = 0; g < 4; g++)
                {
                    low |= (groups[g] >> 4 & 0x03030303) << (2 * g);
                    high |= (groups[g + 4] >> 4 & 0x03030303) << (2 * g);
                }

                *Group(to, 4) = low;
                *Group(to, 5) = high;
            }
        }
    }

    /// <summary>Reads block <paramref name="block"/> in its loose form.</summary>
    public void Take(int block, Span<byte> head, Span<byte> elements)
    {
        byte* heads = _heads + (long)block * TFormat.HeadBytes * PanelLayout.Rows;
        for (int at = 0; at < head.Length; at += FieldBytes(at)) Field(heads, at).CopyTo(head[at..]);

        fixed (byte* destination = elements)
        {
            uint* groups = (uint*)destination;
            byte* from = Part(block);
            for (int part = 0; part < TFormat.Elements / PanelLayout.PartColumns; part++, groups += 8, from += PartBytes)
            {
                for (int g = 0; g < 8; g++)
                {
                    uint value = TFormat.Bits == 8 ? *Group(from, g) : *Group(from, g % 4) >> (4 * (g / 4)) & 0x0f0f0f0f;
                    if (TFormat.Bits == 6) value |= (*Group(from, 4 + g / 4) >> (2 * (g % 4)) & 0x03030303) << 4;
                    groups[g] = value;
                }
            }
        }
    }

    private static int PartBytes => TFormat.Bits * PanelLayout.Rows * PanelLayout.PartColumns / 8;

    private static int FieldBytes(int at) => at < TFormat.WideFields * TFormat.WideBytes ? TFormat.WideBytes : 1;

    // The scale that begins at byte `at` of a row's head: those of the 16 rows are adjacent.
    private Span<byte> Field(byte* heads, int at) => new(heads + at * PanelLayout.Rows + _row * FieldBytes(at), FieldBytes(at));

    private byte* Part(int block) => _elements + (long)block * (TFormat.Elements / PanelLayout.PartColumns) * PartBytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint* Group(byte* part, int group) => (uint*)(part + group * PanelLayout.GroupBytes);
}
