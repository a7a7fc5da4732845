using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>One of the two parts of a cached row: groups of equal length, side by side, and for E4M3 a scale for each group.</summary>
/// <param name="Type">F32, BF16 or F8E4M3.</param>
/// <param name="Offset">Bytes from the row's start to the part's.</param>
/// <param name="Groups">Groups that are scaled by themselves: heads, or one for a latent.</param>
/// <param name="Length">Elements of a group.</param>
/// <param name="ScaleOffset">Bytes from the row's start to the F32 scales of the groups; only for E4M3.</param>
internal readonly unsafe record struct CachePart(ElementType Type, int Offset, int Groups, int Length, int ScaleOffset)
{
    // Scaled elements wait here for their rounding, so many at a time.
    private const int ChunkLength = 128;

    /// <summary>Elements of the part in a row.</summary>
    public int Elements => Groups * Length;

    /// <summary>Widens a group to F32: exact, since scales are powers of two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Read<TSimd, TVector>(byte* row, int group, float* destination)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        byte* source = row + Offset + (long)group * Length * Type.SizeInBytes();
        if (Type == ElementType.F32)
        {
            Unsafe.CopyBlockUnaligned(destination, source, (uint)Length * sizeof(float));
        }
        else if (Type == ElementType.BF16)
        {
            BFloat16Rows.Widen<TSimd, TVector>((ushort*)source, destination, Length);
        }
        else
        {
            float scale = Unsafe.ReadUnaligned<float>(row + ScaleOffset + group * sizeof(float));
            TVector scales = TSimd.Broadcast(scale);
            int i = 0;
            for (; i <= Length - TSimd.Lanes; i += TSimd.Lanes) TSimd.Store(TSimd.Multiply(TSimd.LoadE4M3(source + i), scales), destination + i);
            for (; i < Length; i++) destination[i] = SimdScalar.LoadE4M3(source + i) * scale;
        }
    }

    /// <summary>Rounds all groups of a row, to nearest even.</summary>
    public void Write<TSimd, TVector>(float* source, byte* row)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        byte* destination = row + Offset;
        if (Type == ElementType.F32)
        {
            Unsafe.CopyBlockUnaligned(destination, source, (uint)Elements * sizeof(float));
        }
        else if (Type == ElementType.BF16)
        {
            BFloat16Rows.Narrow<TSimd, TVector>(source, (ushort*)destination, Elements);
        }
        else
        {
            for (int group = 0; group < Groups; group++, source += Length, destination += Length)
            {
                float scale = PowerOfTwo(LargestMagnitude<TSimd, TVector>(source, Length));
                Unsafe.WriteUnaligned(row + ScaleOffset + group * sizeof(float), scale);
                WriteScaled(source, destination, 1 / scale);
            }
        }
    }

    private void WriteScaled(float* source, byte* destination, float factor)
    {
        float* scaled = stackalloc float[ChunkLength];
        for (int start = 0; start < Length; start += ChunkLength)
        {
            int count = Math.Min(ChunkLength, Length - start);
            for (int i = 0; i < count; i++) scaled[i] = source[start + i] * factor;
            ElementConversion.FromSingle(ElementType.F8E4M3, new Span<float>(scaled, count), new Span<byte>(destination + start, count));
        }
    }

    private static float LargestMagnitude<TSimd, TVector>(float* source, int length)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        TVector largest = TSimd.Zero;
        int i = 0;
        for (; i <= length - TSimd.Lanes; i += TSimd.Lanes)
        {
            TVector x = TSimd.Load(source + i);
            largest = TSimd.Max(largest, TSimd.Max(x, TSimd.Subtract(TSimd.Zero, x)));
        }

        float result = TSimd.MaxLane(largest);
        for (; i < length; i++) result = MathF.Max(result, MathF.Abs(source[i]));
        return result;
    }

    // The smallest power of two that brings the magnitude to at most 448 = 1.75 * 2^8. With it no division rounds, in either direction, and
    // E4M3, a float itself, loses nothing by a scale that is not the tightest. Where an element is not finite the scale is NaN and with it
    // the whole group when it is read: a cache never hides a number gone wrong.
    private static float PowerOfTwo(float magnitude)
    {
        if (!float.IsFinite(magnitude)) return float.NaN;
        int bits = BitConverter.SingleToInt32Bits(magnitude);
        int exponent = (bits >> 23) - 127 - ((bits & 0x7f_ffff) > 0x60_0000 ? 7 : 8);
        return BitConverter.Int32BitsToSingle((Math.Max(exponent, -126) + 127) << 23);
    }
}
