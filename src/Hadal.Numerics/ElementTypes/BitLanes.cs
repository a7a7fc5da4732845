using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>
/// Several 32-bit patterns handled side by side. A conversion is written once against this face; <see cref="BitLanes1"/> makes it the
/// scalar definition and the tail of every span, the others make it SIMD, so all widths agree bit for bit by construction.
/// </summary>
internal interface IBitLanes<TLanes> where TLanes : struct
{
    static abstract int Count { get; }

    static abstract TLanes Create(uint value);

    static abstract TLanes Load(ref readonly float source);

    /// <summary>Loads <see cref="Count"/> 16-bit patterns, extended with zeros.</summary>
    static abstract TLanes LoadUInt16(ref readonly ushort source);

    /// <summary>Loads <see cref="Count"/> bytes, extended with zeros.</summary>
    static abstract TLanes LoadByte(ref readonly byte source);

    static abstract void Store(TLanes value, ref float destination);

    /// <summary>Stores the low 16 bits of each lane.</summary>
    static abstract void StoreUInt16(TLanes value, ref ushort destination);

    /// <summary>Stores the low 8 bits of each lane.</summary>
    static abstract void StoreByte(TLanes value, ref byte destination);

    static abstract TLanes And(TLanes a, TLanes b);

    static abstract TLanes Or(TLanes a, TLanes b);

    static abstract TLanes Add(TLanes a, TLanes b);

    static abstract TLanes Subtract(TLanes a, TLanes b);

    static abstract TLanes ShiftLeft(TLanes value, int count);

    static abstract TLanes ShiftRight(TLanes value, int count);

    /// <summary>The smaller of two patterns below 2^31.</summary>
    static abstract TLanes Min(TLanes a, TLanes b);

    /// <summary>All ones where a > b; both below 2^31.</summary>
    static abstract TLanes GreaterThan(TLanes a, TLanes b);

    static abstract TLanes Select(TLanes mask, TLanes whenSet, TLanes whenClear);

    /// <summary>Adds the patterns as F32 values.</summary>
    static abstract TLanes AddSingle(TLanes a, TLanes b);

    /// <summary>The largest lane; all below 2^31.</summary>
    static abstract uint Largest(TLanes value);

    /// <summary>Subtracts the patterns as F32 values.</summary>
    static abstract TLanes SubtractSingle(TLanes a, TLanes b);

    /// <summary>Divides the patterns as F32 values.</summary>
    static abstract TLanes DivideSingle(TLanes a, TLanes b);
}

internal readonly struct BitLanes1 : IBitLanes<uint>
{
    public static int Count => 1;

    public static uint Create(uint value) => value;

    public static uint Load(ref readonly float source) => BitConverter.SingleToUInt32Bits(source);

    public static uint LoadUInt16(ref readonly ushort source) => source;

    public static uint LoadByte(ref readonly byte source) => source;

    public static void Store(uint value, ref float destination) => destination = BitConverter.UInt32BitsToSingle(value);

    public static void StoreUInt16(uint value, ref ushort destination) => destination = (ushort)value;

    public static void StoreByte(uint value, ref byte destination) => destination = (byte)value;

    public static uint And(uint a, uint b) => a & b;

    public static uint Or(uint a, uint b) => a | b;

    public static uint Add(uint a, uint b) => unchecked(a + b);

    public static uint Subtract(uint a, uint b) => unchecked(a - b);

    public static uint ShiftLeft(uint value, int count) => value << count;

    public static uint ShiftRight(uint value, int count) => value >> count;

    public static uint Min(uint a, uint b) => Math.Min(a, b);

    public static uint GreaterThan(uint a, uint b) => a > b ? uint.MaxValue : 0;

    public static uint Select(uint mask, uint whenSet, uint whenClear) => (whenSet & mask) | (whenClear & ~mask);

    public static uint AddSingle(uint a, uint b) =>
        BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(a) + BitConverter.UInt32BitsToSingle(b));

    public static uint Largest(uint value) => value;

    public static uint SubtractSingle(uint a, uint b) =>
        BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(a) - BitConverter.UInt32BitsToSingle(b));

    public static uint DivideSingle(uint a, uint b) =>
        BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(a) / BitConverter.UInt32BitsToSingle(b));
}

internal readonly struct BitLanes4 : IBitLanes<Vector128<uint>>
{
    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Create(uint value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Load(ref readonly float source) => Vector128.LoadUnsafe(in source).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> LoadUInt16(ref readonly ushort source)
    {
        ulong four = Unsafe.ReadUnaligned<ulong>(in Unsafe.As<ushort, byte>(ref Unsafe.AsRef(in source)));
        return Vector128.WidenLower(Vector128.CreateScalarUnsafe(four).AsUInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> LoadByte(ref readonly byte source)
    {
        uint four = Unsafe.ReadUnaligned<uint>(in source);
        return Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(four).AsByte()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<uint> value, ref float destination) => value.AsSingle().StoreUnsafe(ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreUInt16(Vector128<uint> value, ref ushort destination) =>
        Unsafe.WriteUnaligned(ref Unsafe.As<ushort, byte>(ref destination), Vector128.Narrow(value, value).AsUInt64().ToScalar());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreByte(Vector128<uint> value, ref byte destination)
    {
        Vector128<ushort> halves = Vector128.Narrow(value, value);
        Unsafe.WriteUnaligned(ref destination, Vector128.Narrow(halves, halves).AsUInt32().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> And(Vector128<uint> a, Vector128<uint> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Or(Vector128<uint> a, Vector128<uint> b) => a | b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Add(Vector128<uint> a, Vector128<uint> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Subtract(Vector128<uint> a, Vector128<uint> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> ShiftLeft(Vector128<uint> value, int count) => value << count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> ShiftRight(Vector128<uint> value, int count) => value >> count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Min(Vector128<uint> a, Vector128<uint> b) => Vector128.Min(a.AsInt32(), b.AsInt32()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> GreaterThan(Vector128<uint> a, Vector128<uint> b) =>
        Vector128.GreaterThan(a.AsInt32(), b.AsInt32()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Select(Vector128<uint> mask, Vector128<uint> whenSet, Vector128<uint> whenClear) =>
        Vector128.ConditionalSelect(mask, whenSet, whenClear);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> AddSingle(Vector128<uint> a, Vector128<uint> b) => (a.AsSingle() + b.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Largest(Vector128<uint> value)
    {
        value = Vector128.Max(value, Vector128.Shuffle(value, Vector128.Create(2u, 3, 0, 1)));
        return Math.Max(value.GetElement(0), value.GetElement(1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> SubtractSingle(Vector128<uint> a, Vector128<uint> b) => (a.AsSingle() - b.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> DivideSingle(Vector128<uint> a, Vector128<uint> b) => (a.AsSingle() / b.AsSingle()).AsUInt32();
}

internal readonly struct BitLanes8 : IBitLanes<Vector256<uint>>
{
    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Create(uint value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Load(ref readonly float source) => Vector256.LoadUnsafe(in source).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> LoadUInt16(ref readonly ushort source)
    {
        Vector128<ushort> bits = Vector128.LoadUnsafe(in source);
        return Vector256.Create(Vector128.WidenLower(bits), Vector128.WidenUpper(bits));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> LoadByte(ref readonly byte source)
    {
        ulong eight = Unsafe.ReadUnaligned<ulong>(in source);
        Vector128<ushort> halves = Vector128.WidenLower(Vector128.CreateScalarUnsafe(eight).AsByte());
        return Vector256.Create(Vector128.WidenLower(halves), Vector128.WidenUpper(halves));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<uint> value, ref float destination) => value.AsSingle().StoreUnsafe(ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreUInt16(Vector256<uint> value, ref ushort destination) =>
        Vector256.Narrow(value, value).GetLower().StoreUnsafe(ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreByte(Vector256<uint> value, ref byte destination)
    {
        Vector128<ushort> halves = Vector256.Narrow(value, value).GetLower();
        Unsafe.WriteUnaligned(ref destination, Vector128.Narrow(halves, halves).AsUInt64().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> And(Vector256<uint> a, Vector256<uint> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Or(Vector256<uint> a, Vector256<uint> b) => a | b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Add(Vector256<uint> a, Vector256<uint> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Subtract(Vector256<uint> a, Vector256<uint> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ShiftLeft(Vector256<uint> value, int count) => value << count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ShiftRight(Vector256<uint> value, int count) => value >> count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Min(Vector256<uint> a, Vector256<uint> b) => Vector256.Min(a.AsInt32(), b.AsInt32()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> GreaterThan(Vector256<uint> a, Vector256<uint> b) =>
        Vector256.GreaterThan(a.AsInt32(), b.AsInt32()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Select(Vector256<uint> mask, Vector256<uint> whenSet, Vector256<uint> whenClear) =>
        Vector256.ConditionalSelect(mask, whenSet, whenClear);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> AddSingle(Vector256<uint> a, Vector256<uint> b) => (a.AsSingle() + b.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Largest(Vector256<uint> value) =>
        BitLanes4.Largest(Vector128.Max(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> SubtractSingle(Vector256<uint> a, Vector256<uint> b) => (a.AsSingle() - b.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> DivideSingle(Vector256<uint> a, Vector256<uint> b) => (a.AsSingle() / b.AsSingle()).AsUInt32();
}

internal readonly struct BitLanes16 : IBitLanes<Vector512<uint>>
{
    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Create(uint value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Load(ref readonly float source) => Vector512.LoadUnsafe(in source).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> LoadUInt16(ref readonly ushort source)
    {
        Vector256<ushort> bits = Vector256.LoadUnsafe(in source);
        return Vector512.Create(Vector256.WidenLower(bits), Vector256.WidenUpper(bits));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> LoadByte(ref readonly byte source) =>
        Avx512F.ConvertToVector512UInt32(Vector128.LoadUnsafe(in source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<uint> value, ref float destination) => value.AsSingle().StoreUnsafe(ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreUInt16(Vector512<uint> value, ref ushort destination) =>
        (Avx512F.IsSupported ? Avx512F.ConvertToVector256UInt16(value) : Vector512.Narrow(value, value).GetLower()).StoreUnsafe(ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreByte(Vector512<uint> value, ref byte destination)
    {
        Vector256<ushort> halves = Vector512.Narrow(value, value).GetLower();
        Vector256.Narrow(halves, halves).GetLower().StoreUnsafe(ref destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> And(Vector512<uint> a, Vector512<uint> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Or(Vector512<uint> a, Vector512<uint> b) => a | b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Add(Vector512<uint> a, Vector512<uint> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Subtract(Vector512<uint> a, Vector512<uint> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> ShiftLeft(Vector512<uint> value, int count) => value << count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> ShiftRight(Vector512<uint> value, int count) => value >> count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Min(Vector512<uint> a, Vector512<uint> b) => Vector512.Min(a.AsInt32(), b.AsInt32()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> GreaterThan(Vector512<uint> a, Vector512<uint> b) =>
        Vector512.GreaterThan(a.AsInt32(), b.AsInt32()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Select(Vector512<uint> mask, Vector512<uint> whenSet, Vector512<uint> whenClear) =>
        Vector512.ConditionalSelect(mask, whenSet, whenClear);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> AddSingle(Vector512<uint> a, Vector512<uint> b) => (a.AsSingle() + b.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Largest(Vector512<uint> value) =>
        BitLanes8.Largest(Vector256.Max(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> SubtractSingle(Vector512<uint> a, Vector512<uint> b) => (a.AsSingle() - b.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> DivideSingle(Vector512<uint> a, Vector512<uint> b) => (a.AsSingle() / b.AsSingle()).AsUInt32();
}
