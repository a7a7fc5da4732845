namespace Hadal.Numerics;

/// <summary>The left factor as kernels of blocks want it: rounded to bytes, or as F32.</summary>
internal readonly unsafe struct PanelInput(QuantisedRows rounded, float* values, long stride)
{
    public readonly QuantisedRows Rounded = rounded;
    public readonly float* Values = values;
    public readonly long Stride = stride;
}

/// <summary>A kernel of blocks behind the one face that the cutting of products knows.</summary>
internal unsafe interface IPanelRunner
{
    /// <summary>Bytes of memory of its thread that it takes.</summary>
    static abstract int ScratchBytes { get; }

    /// <summary>Continues the sums of rows over a stretch of a panel.</summary>
    static abstract void Run(int rows, PanelStretch panel, in PanelInput input, long row, int column, float* sums, long sumStride, byte* scratch);
}

/// <summary>ggml's blocks times activations that are rounded to bytes.</summary>
internal readonly unsafe struct IntegerRunner<TFormat, TLanes, TInt, TSimd, TVector> : IPanelRunner
    where TFormat : struct, IBlockFormat
    where TLanes : struct, IByteLanes<TInt, TVector>
    where TInt : struct
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public static int ScratchBytes => 0;

    public static void Run(int rows, PanelStretch panel, in PanelInput input, long row, int column, float* sums, long sumStride, byte* scratch)
    {
        for (int first = 0; first < rows; first += PanelProduct.KernelRows)
        {
            int some = Math.Min(PanelProduct.KernelRows, rows - first);
            RunSome(some, panel, input, row + first, column, sums + first * sumStride, sumStride, prefetches: first == 0);
        }
    }

    private static void RunSome(int rows, PanelStretch panel, in PanelInput input, long row, int column, float* sums, long sumStride, bool prefetches)
    {
        QuantisedRows a = input.Rounded;
        sbyte* bytes = a.Bytes(row, column);
        ActivationScale* scales = a.Scales(row, column);
        switch (rows)
        {
            case 1:
                PanelKernel<TFormat, TLanes, TInt, TSimd, TVector>.Run<Count1>(panel, bytes, a.Stride, scales, a.ScaleStride, sums, sumStride, prefetches);
                break;
            case 2:
                PanelKernel<TFormat, TLanes, TInt, TSimd, TVector>.Run<Count2>(panel, bytes, a.Stride, scales, a.ScaleStride, sums, sumStride, prefetches);
                break;
            case 3:
                PanelKernel<TFormat, TLanes, TInt, TSimd, TVector>.Run<Count3>(panel, bytes, a.Stride, scales, a.ScaleStride, sums, sumStride, prefetches);
                break;
            default:
                PanelKernel<TFormat, TLanes, TInt, TSimd, TVector>.Run<Count4>(panel, bytes, a.Stride, scales, a.ScaleStride, sums, sumStride, prefetches);
                break;
        }
    }
}

/// <summary>E4M3 times activations in F32.</summary>
internal readonly unsafe struct F8Runner<TLanes, TSimd, TVector> : IPanelRunner
    where TLanes : struct, IE4M3Lanes<TLanes, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public static int ScratchBytes => 0;

    public static void Run(int rows, PanelStretch panel, in PanelInput input, long row, int column, float* sums, long sumStride, byte* scratch)
    {
        for (int first = 0; first < rows; first += PanelProduct.KernelRows)
        {
            int some = Math.Min(PanelProduct.KernelRows, rows - first);
            RunSome(some, panel, input, row + first, column, sums + first * sumStride, sumStride, prefetches: first == 0);
        }
    }

    private static void RunSome(int rows, PanelStretch panel, in PanelInput input, long row, int column, float* sums, long sumStride, bool prefetches)
    {
        float* a = input.Values + row * input.Stride + column;
        switch (rows)
        {
            case 1:
                ScaledF8Kernel<TLanes, TSimd, TVector>.Run<Count1>(panel, a, input.Stride, sums, sumStride, prefetches);
                break;
            case 2:
                ScaledF8Kernel<TLanes, TSimd, TVector>.Run<Count2>(panel, a, input.Stride, sums, sumStride, prefetches);
                break;
            case 3:
                ScaledF8Kernel<TLanes, TSimd, TVector>.Run<Count3>(panel, a, input.Stride, sums, sumStride, prefetches);
                break;
            default:
                ScaledF8Kernel<TLanes, TSimd, TVector>.Run<Count4>(panel, a, input.Stride, sums, sumStride, prefetches);
                break;
        }
    }
}
