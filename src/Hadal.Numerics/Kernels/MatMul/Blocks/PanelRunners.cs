namespace Hadal.Numerics;

/// <summary>The left factor as kernels of blocks want it: rounded to bytes, or as F32.</summary>
internal readonly unsafe struct PanelInput(QuantisedRows rounded, float* values, long stride)
{
    public readonly QuantisedRows Rounded = rounded;
    public readonly float* Values = values;
    public readonly long Stride = stride;
}

/// <summary>Sums of rows times a panel.</summary>
/// <param name="values">16 for each row.</param>
/// <param name="stride">Floats from a row's to those of the next.</param>
/// <param name="begin">Whether they begin at zero, whatever the memory holds.</param>
internal readonly unsafe struct PanelSums(float* values, long stride, bool begin)
{
    public readonly float* Values = values;
    public readonly long Stride = stride;
    public readonly bool Begin = begin;

    /// <summary>Those of a row and the following ones.</summary>
    public PanelSums From(int row) => new(Values + row * Stride, Stride, Begin);

    /// <summary>Begins those of the first rows, if they are to begin at zero.</summary>
    public void Clear(int rows)
    {
        for (int row = 0; row < rows && Begin; row++) new Span<float>(Values + row * Stride, PanelLayout.Rows).Clear();
    }
}

/// <summary>A kernel of blocks behind the one face that the cutting of products knows.</summary>
internal unsafe interface IPanelRunner
{
    /// <summary>Bytes of memory of its thread that it takes.</summary>
    static abstract int ScratchBytes { get; }

    /// <summary>Rows for which it reads a panel once.</summary>
    static abstract int Rows { get; }

    /// <summary>Continues the sums of rows over a stretch of a panel.</summary>
    static abstract void Run(int rows, PanelStretch panel, in PanelInput input, long row, int column, PanelSums sums, byte* scratch);
}

/// <summary>A kernel of a few rows.</summary>
internal unsafe interface IFewRows
{
    /// <summary>Continues the sums of one to four rows over a stretch of a panel.</summary>
    static abstract void Run(int rows, PanelStretch panel, in PanelInput input, long row, int column, PanelSums sums, bool prefetches);
}

/// <summary>Any number of rows, a few at a time.</summary>
internal readonly unsafe struct FewRowsRunner<TKernel> : IPanelRunner where TKernel : struct, IFewRows
{
    public static int ScratchBytes => 0;

    public static int Rows => PanelProduct.KernelRows;

    public static void Run(int rows, PanelStretch panel, in PanelInput input, long row, int column, PanelSums sums, byte* scratch)
    {
        for (int first = 0; first < rows; first += PanelProduct.KernelRows)
        {
            int some = Math.Min(PanelProduct.KernelRows, rows - first);
            PanelSums these = sums.From(first);
            these.Clear(some);
            TKernel.Run(some, panel, input, row + first, column, these, prefetches: first == 0);
        }
    }
}

/// <summary>ggml's blocks times activations that are rounded to bytes.</summary>
internal readonly unsafe struct IntegerRows<TFormat, TLanes, TInt, TSimd, TVector> : IFewRows
    where TFormat : struct, IBlockFormat
    where TLanes : struct, IByteLanes<TInt, TVector>
    where TInt : struct
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public static void Run(int rows, PanelStretch panel, in PanelInput input, long row, int column, PanelSums sums, bool prefetches)
    {
        QuantisedRows a = input.Rounded;
        sbyte* bytes = a.Bytes(row, column);
        ActivationScale* scales = a.Scales(row, column);
        switch (rows)
        {
            case 1:
                PanelKernel<TFormat, TLanes, TInt, TSimd, TVector>.Run<Count1>(panel, bytes, a.Stride, scales, a.ScaleStride, sums.Values, sums.Stride, prefetches);
                break;
            case 2:
                PanelKernel<TFormat, TLanes, TInt, TSimd, TVector>.Run<Count2>(panel, bytes, a.Stride, scales, a.ScaleStride, sums.Values, sums.Stride, prefetches);
                break;
            case 3:
                PanelKernel<TFormat, TLanes, TInt, TSimd, TVector>.Run<Count3>(panel, bytes, a.Stride, scales, a.ScaleStride, sums.Values, sums.Stride, prefetches);
                break;
            default:
                PanelKernel<TFormat, TLanes, TInt, TSimd, TVector>.Run<Count4>(panel, bytes, a.Stride, scales, a.ScaleStride, sums.Values, sums.Stride, prefetches);
                break;
        }
    }
}

/// <summary>E4M3 times activations in F32.</summary>
internal readonly unsafe struct F8Rows<TLanes, TSimd, TVector> : IFewRows
    where TLanes : struct, IE4M3Lanes<TLanes, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public static void Run(int rows, PanelStretch panel, in PanelInput input, long row, int column, PanelSums sums, bool prefetches)
    {
        float* a = input.Values + row * input.Stride + column;
        switch (rows)
        {
            case 1:
                ScaledF8Kernel<TLanes, TSimd, TVector>.Run<Count1>(panel, a, input.Stride, sums.Values, sums.Stride, prefetches);
                break;
            case 2:
                ScaledF8Kernel<TLanes, TSimd, TVector>.Run<Count2>(panel, a, input.Stride, sums.Values, sums.Stride, prefetches);
                break;
            case 3:
                ScaledF8Kernel<TLanes, TSimd, TVector>.Run<Count3>(panel, a, input.Stride, sums.Values, sums.Stride, prefetches);
                break;
            default:
                ScaledF8Kernel<TLanes, TSimd, TVector>.Run<Count4>(panel, a, input.Stride, sums.Values, sums.Stride, prefetches);
                break;
        }
    }
}

/// <summary>The same by generated code, which needs AVX512-VBMI.</summary>
internal readonly unsafe struct GeneratedF8Rows : IFewRows
{
    public static void Run(int rows, PanelStretch panel, in PanelInput input, long row, int column, PanelSums sums, bool prefetches)
    {
        PanelArguments arguments = new()
        {
            Activations = input.Values + row * input.Stride + column,
            Stride = input.Stride * sizeof(float),
            Heads = panel.Heads,
            Elements = panel.Elements,
            Blocks = panel.Blocks,
            Ahead = panel.Front + CacheLines.StraightBytes,
            PrefetchEnd = prefetches ? panel.End : null,
            Sums = sums.Values,
            SumStride = sums.Stride * sizeof(float),
        };
        GeneratedKernels.Panels!.MultiplyF8(rows, &arguments);
    }
}
