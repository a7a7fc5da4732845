using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>
/// ggml's blocks on AMX tiles. A stretch of a panel is unpacked once, into the first-level cache, for all rows; the rows then pass over it 16 at a
/// time. What is left of a few rows goes to vector registers.
/// </summary>
internal readonly unsafe struct ByteTileRunner<TFormat> : IPanelRunner where TFormat : struct, IBlockFormat
{
    private static ByteScales Scales => TFormat.HasHalves ? ByteScales.Halves : TFormat.HasMinima ? ByteScales.Minimum : ByteScales.One;

    public static int ScratchBytes => sizeof(Scratch);

    public static int Rows => PanelProduct.KernelRows;

    public static void Run(int rows, PanelStretch panel, in PanelInput input, long row, int column, PanelSums sums, byte* scratch)
    {
        int done = 0;
        if (rows > PanelProduct.KernelRows)
        {
            Scratch* memory = (Scratch*)scratch;
            Unpack(panel, memory);
            ByteTileKernelSet kernels = GeneratedKernels.ByteTiles!;
            kernels.Configure();
            for (; rows - done >= PanelLayout.Rows; done += PanelLayout.Rows) Multiply(kernels, panel, input, row + done, column, sums.From(done), memory);
            if (rows - done > PanelProduct.KernelRows)
            {
                // A tile has 16 rows, the result may have no more.
                PanelSums rest = sums.From(done), edge = new(memory->Edge, PanelLayout.Rows, sums.Begin);
                if (!sums.Begin) Copy(rows - done, rest, edge);
                Multiply(kernels, panel, input, row + done, column, edge, memory);
                Copy(rows - done, edge, rest);
                done = rows;
            }

            kernels.Release();
        }

        if (done == rows) return;
        FewRowsRunner<IntegerRows<TFormat, ByteLanes256<VnniDot>, Vector256<int>, Simd256, Vector256<float>>>.Run(
            rows - done, panel, input, row + done, column, sums.From(done), scratch);
    }

    private static void Copy(int rows, PanelSums from, PanelSums to)
    {
        for (int row = 0; row < rows; row++) Vector512.Load(from.Values + row * from.Stride).Store(to.Values + row * to.Stride);
    }

    private static void Multiply(
        ByteTileKernelSet kernels, PanelStretch panel, in PanelInput input, long row, int column, PanelSums sums, Scratch* memory)
    {
        QuantisedRows a = input.Rounded;
        ByteTileArguments* arguments = &memory->Arguments;
        arguments->Activations = a.Bytes(row, column);
        arguments->Stride = a.Stride;
        arguments->Scales = a.Scales(row, column);
        arguments->ScaleStride = a.ScaleStride * sizeof(ActivationScale);
        arguments->Weights = Scratch.Parts(memory);
        arguments->Parts = panel.Blocks * (TFormat.Elements / PanelLayout.PartColumns);
        arguments->Sums = sums.Values;
        arguments->SumStride = sums.Stride * sizeof(float);
        arguments->Begin = sums.Begin ? 1 : 0;
        kernels.Multiply(Scales, arguments);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Unpack(PanelStretch panel, Scratch* memory)
    {
        ByteTilePart* part = Scratch.Parts(memory);
        PanelLayout layout = PanelLayout.Of<TFormat>();
        PanelPrefetch prefetch = new(layout);
        byte* at = panel.Elements, head = panel.Heads, front = panel.Front;
        for (int block = 0; block < panel.Blocks; block++, head += TFormat.HeadBytes * PanelLayout.Rows)
        {
            Vector512<float> d = Halves(head), minimum = TFormat.HasMinima ? Halves(head + 2 * PanelLayout.Rows) : default;
            byte* small = head + TFormat.WideFields * TFormat.WideBytes * PanelLayout.Rows;
            for (int i = 0; i < TFormat.Elements / PanelLayout.PartColumns; i++, part++, small += 2 * PanelLayout.Rows)
            {
                prefetch.Ask(at, ref front, panel.End);
                Vector512<float> scale = d;
                if (TFormat.HasMinima)
                {
                    scale *= Bytes(small);
                    (minimum * Bytes(small + PanelLayout.Rows)).Store(part->Second);
                }
                else if (TFormat.HasHalves)
                {
                    SignedBytes(small).Store(part->Second);
                    SignedBytes(small + PanelLayout.Rows).Store(part->Third);
                }

                scale.Store(part->Scale);
                UnpackElements(at, (byte*)part->Elements);
                at += layout.PartBytes;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackElements(byte* from, byte* to)
    {
        Vector512<byte> bias = Vector512.Create((byte)TFormat.Bias), nibble = Vector512.Create((byte)0x0f), upper = Vector512.Create((byte)0x30);
        for (int group = 0; group < 4; group++, from += PanelLayout.GroupBytes, to += PanelLayout.GroupBytes)
        {
            Vector512<byte> first = Vector512.Load(from), second;
            if (TFormat.Bits == 8)
            {
                second = Vector512.Load(from + 4 * PanelLayout.GroupBytes);
            }
            else
            {
                second = (first.AsUInt32() >>> 4).AsByte() & nibble;
                first &= nibble;
            }

            if (TFormat.Bits == 6)
            {
                // The upper two bits of groups 0 to 3, and of groups 4 to 7, lie behind the four lines of lower ones.
                byte* high = from + (4 - group) * PanelLayout.GroupBytes;
                first |= (Vector512.Load((uint*)high) >>> 2 * group << 4).AsByte() & upper;
                second |= (Vector512.Load((uint*)(high + PanelLayout.GroupBytes)) >>> 2 * group << 4).AsByte() & upper;
            }

            (first - bias).Store(to);
            (second - bias).Store(to + 4 * PanelLayout.GroupBytes);
        }
    }

    private static Vector512<float> Halves(byte* source) => Vector512.Create(ByteLanes256<VnniDot>.Halves(source), ByteLanes256<VnniDot>.Halves(source + 16));

    private static Vector512<float> Bytes(byte* source) => Vector512.Create(ByteLanes256<VnniDot>.Bytes(source), ByteLanes256<VnniDot>.Bytes(source + 8));

    private static Vector512<float> SignedBytes(byte* source) =>
        Vector512.Create(ByteLanes256<VnniDot>.SignedBytes(source), ByteLanes256<VnniDot>.SignedBytes(source + 8));

    // In this order whole cache lines.
    private struct Scratch
    {
        public ByteTileArguments Arguments;
        public fixed float Edge[PanelLayout.Rows * PanelLayout.Rows];
        private fixed byte _parts[PanelProduct.StretchColumns / PanelLayout.PartColumns * ByteTilePart.Bytes];

        public static ByteTilePart* Parts(Scratch* memory) => (ByteTilePart*)memory->_parts;
    }
}
