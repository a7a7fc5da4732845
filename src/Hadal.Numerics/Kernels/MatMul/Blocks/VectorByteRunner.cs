namespace Hadal.Numerics;

/// <summary>ggml's blocks in 512-bit registers, by generated code.</summary>
internal readonly unsafe struct VectorByteRunner<TFormat> : IPanelRunner where TFormat : struct, IBlockFormat
{
    public static int ScratchBytes => 0;

    public static int Rows => PanelKernelSet.MostRows;

    public static void Run(int rows, PanelStretch panel, in PanelInput input, long row, int column, PanelSums sums, byte* scratch)
    {
        PanelKernelSet kernels = GeneratedKernels.Panels!;
        QuantisedRows a = input.Rounded;
        for (int first = 0; first < rows;)
        {
            int most = Math.Min(Rows, rows - first), groups = (rows - first) / most;
            PanelArguments arguments = new()
            {
                Activations = a.Bytes(row + first, column),
                Stride = a.Stride,
                Scales = a.Scales(row + first, column),
                ScaleStride = a.ScaleStride * sizeof(ActivationScale),
                Heads = panel.Heads,
                Elements = panel.Elements,
                Blocks = panel.Blocks,
                Ahead = panel.Front + CacheLines.StraightBytes,
                PrefetchEnd = first == 0 ? panel.End : null,
                Sums = sums.From(first).Values,
                SumStride = sums.Stride * sizeof(float),
                Begin = sums.Begin ? 1 : 0,
                Groups = groups,
            };
            kernels.Multiply<TFormat>(most, &arguments);
            first += groups * most;
        }
    }
}
