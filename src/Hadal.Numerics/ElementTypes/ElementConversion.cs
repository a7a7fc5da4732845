using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>
/// Converts spans between F32 and the float formats of files, which are little-endian, as are all processors that this library runs on.
/// Reading is exact except from F64; writing rounds to nearest even, and F8 saturates, as checkpoints are written.
/// </summary>
public static class ElementConversion
{
    /// <summary>Whether the conversions of this class exist for a type: it is a float format, not an integer or a truth value.</summary>
    public static bool IsSupported(ElementType type) => type is
        ElementType.F32 or ElementType.BF16 or ElementType.F16 or ElementType.F8E4M3 or ElementType.F8E5M2 or ElementType.F64;

    /// <summary>Converts elements of <paramref name="type"/>, in bytes of any alignment, to F32.</summary>
    /// <exception cref="ArgumentException">The type is no float format, or the spans don't match in length.</exception>
    public static void ToSingle(ElementType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        RequireSupported(type);
        RequireLength(type, destination.Length, source.Length, nameof(source));
        switch (type)
        {
            case ElementType.F32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case ElementType.BF16:
                Decode<BFloat16Codec>(MemoryMarshal.Cast<byte, ushort>(source), destination);
                break;
            case ElementType.F16:
                Decode<HalfDecoding>(MemoryMarshal.Cast<byte, ushort>(source), destination);
                break;
            case ElementType.F8E4M3:
                LookUp(Float8E4M3.Values, source, destination);
                break;
            case ElementType.F8E5M2:
                LookUp(Float8E5M2.Values, source, destination);
                break;
            default:
                ReadOnlySpan<double> doubles = MemoryMarshal.Cast<byte, double>(source);
                for (int i = 0; i < destination.Length; i++) destination[i] = (float)doubles[i];
                break;
        }
    }

    /// <summary>Converts F32 to elements of <paramref name="type"/>, in bytes of any alignment.</summary>
    /// <exception cref="ArgumentException">The type is no float format, or the spans don't match in length.</exception>
    public static void FromSingle(ElementType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        RequireSupported(type);
        RequireLength(type, source.Length, destination.Length, nameof(destination));
        switch (type)
        {
            case ElementType.F32:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                break;
            case ElementType.BF16:
                Encode16<BFloat16Codec>(source, MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            case ElementType.F16:
                Encode16<SmallFloatEncoding<HalfFormat>>(source, MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            case ElementType.F8E4M3:
                Encode8<SmallFloatEncoding<E4M3SaturatingFormat>>(source, destination);
                break;
            case ElementType.F8E5M2:
                Encode8<SmallFloatEncoding<E5M2SaturatingFormat>>(source, destination);
                break;
            default:
                Span<double> doubles = MemoryMarshal.Cast<byte, double>(destination);
                for (int i = 0; i < source.Length; i++) doubles[i] = source[i];
                break;
        }
    }

    private static void RequireSupported(ElementType type)
    {
        if (IsSupported(type)) return;
        throw new ArgumentException($"{type} is no float format, so it doesn't convert to or from F32", nameof(type));
    }

    private static void RequireLength(ElementType type, int elements, int bytes, string parameter)
    {
        long expected = (long)elements * type.SizeInBytes();
        if (bytes == expected) return;
        throw new ArgumentException($"{elements} elements of {type} take {expected} bytes, found {bytes}", parameter);
    }

    private static void LookUp(ReadOnlySpan<float> values, ReadOnlySpan<byte> source, Span<float> destination)
    {
        ref float table = ref MemoryMarshal.GetReference(values);
        for (int i = 0; i < destination.Length; i++) destination[i] = Unsafe.Add(ref table, source[i]);
    }

    private static void Decode<TFormat>(ReadOnlySpan<ushort> source, Span<float> destination) where TFormat : IFloatDecoding
    {
        int done = 0;
        if (Vector512.IsHardwareAccelerated) done = DecodeWith<TFormat, BitLanes16, Vector512<uint>>(source, destination, done);
        if (Vector256.IsHardwareAccelerated) done = DecodeWith<TFormat, BitLanes8, Vector256<uint>>(source, destination, done);
        if (Vector128.IsHardwareAccelerated) done = DecodeWith<TFormat, BitLanes4, Vector128<uint>>(source, destination, done);
        DecodeWith<TFormat, BitLanes1, uint>(source, destination, done);
    }

    // Converts from element `start` on as long as all lanes are filled; returns the first element not converted.
    internal static int DecodeWith<TFormat, TOps, TLanes>(ReadOnlySpan<ushort> source, Span<float> destination, int start)
        where TFormat : IFloatDecoding where TOps : IBitLanes<TLanes> where TLanes : struct
    {
        ref ushort from = ref MemoryMarshal.GetReference(source);
        ref float to = ref MemoryMarshal.GetReference(destination);
        int i = start;
        for (; i <= destination.Length - TOps.Count; i += TOps.Count)
        {
            TOps.Store(TFormat.Decode<TOps, TLanes>(TOps.LoadUInt16(ref Unsafe.Add(ref from, i))), ref Unsafe.Add(ref to, i));
        }

        return i;
    }

    private static void Encode16<TFormat>(ReadOnlySpan<float> source, Span<ushort> destination) where TFormat : IFloatEncoding
    {
        int done = 0;
        if (Vector512.IsHardwareAccelerated) done = Encode16With<TFormat, BitLanes16, Vector512<uint>>(source, destination, done);
        if (Vector256.IsHardwareAccelerated) done = Encode16With<TFormat, BitLanes8, Vector256<uint>>(source, destination, done);
        if (Vector128.IsHardwareAccelerated) done = Encode16With<TFormat, BitLanes4, Vector128<uint>>(source, destination, done);
        Encode16With<TFormat, BitLanes1, uint>(source, destination, done);
    }

    internal static int Encode16With<TFormat, TOps, TLanes>(ReadOnlySpan<float> source, Span<ushort> destination, int start)
        where TFormat : IFloatEncoding where TOps : IBitLanes<TLanes> where TLanes : struct
    {
        ref float from = ref MemoryMarshal.GetReference(source);
        ref ushort to = ref MemoryMarshal.GetReference(destination);
        int i = start;
        for (; i <= source.Length - TOps.Count; i += TOps.Count)
        {
            TOps.StoreUInt16(TFormat.Encode<TOps, TLanes>(TOps.Load(ref Unsafe.Add(ref from, i))), ref Unsafe.Add(ref to, i));
        }

        return i;
    }

    private static void Encode8<TFormat>(ReadOnlySpan<float> source, Span<byte> destination) where TFormat : IFloatEncoding
    {
        int done = 0;
        if (Vector512.IsHardwareAccelerated) done = Encode8With<TFormat, BitLanes16, Vector512<uint>>(source, destination, done);
        if (Vector256.IsHardwareAccelerated) done = Encode8With<TFormat, BitLanes8, Vector256<uint>>(source, destination, done);
        if (Vector128.IsHardwareAccelerated) done = Encode8With<TFormat, BitLanes4, Vector128<uint>>(source, destination, done);
        Encode8With<TFormat, BitLanes1, uint>(source, destination, done);
    }

    internal static int Encode8With<TFormat, TOps, TLanes>(ReadOnlySpan<float> source, Span<byte> destination, int start)
        where TFormat : IFloatEncoding where TOps : IBitLanes<TLanes> where TLanes : struct
    {
        ref float from = ref MemoryMarshal.GetReference(source);
        ref byte to = ref MemoryMarshal.GetReference(destination);
        int i = start;
        for (; i <= source.Length - TOps.Count; i += TOps.Count)
        {
            TOps.StoreByte(TFormat.Encode<TOps, TLanes>(TOps.Load(ref Unsafe.Add(ref from, i))), ref Unsafe.Add(ref to, i));
        }

        return i;
    }
}
