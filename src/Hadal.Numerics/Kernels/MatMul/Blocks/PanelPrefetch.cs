using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>
/// Asks for the weights of panels ahead of their use, 32 columns at a time: where <see cref="CacheLines.ReadsStraight"/> for elements and heads as they
/// lie one behind the other, without a gap from panel to panel, otherwise for as many lines as the elements have, in eight pages.
/// </summary>
/// <param name="layout">The panels' layout.</param>
internal readonly unsafe struct PanelPrefetch(PanelLayout layout)
{
    // Read once, before the loops.
    private readonly int _straightBytes = CacheLines.ReadsStraight && Sse.IsSupported ? layout.PartBytesWithHeads : 0;
    private readonly bool _isHalf = layout.Bits == 4;

    /// <summary>Asks for 32 columns' worth.</summary>
    /// <param name="elements">The elements that are read now.</param>
    /// <param name="front">Where reading would be if it went straight, which is moved on (<see cref="PanelStretch.Front"/>).</param>
    /// <param name="end">Where the weights end.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Ask(byte* elements, ref byte* front, byte* end)
    {
        if (_straightBytes > 0)
        {
            byte* line = front + CacheLines.StraightBytes;
            front += _straightBytes;
            if (line >= end) return;
            for (byte* last = line + _straightBytes; line < last; line += CacheLines.Size) Sse.Prefetch1(line);
        }
        else if (_isHalf)
        {
            CacheLines.PrefetchHalfSpread(elements, end);
        }
        else
        {
            CacheLines.PrefetchFront(elements, end);
        }
    }
}
