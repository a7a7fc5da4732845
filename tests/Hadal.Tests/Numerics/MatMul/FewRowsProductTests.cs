using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

/// <summary>Generated F32 products of a few rows against the chain of multiply-adds that defines them.</summary>
[Trait("Category", "Kernels")]
public sealed class FewRowsProductTests
{
    [SkippableFact]
    public unsafe void Sums_go_on_with_one_chain_of_multiply_adds_over_k()
    {
        Skip.If(GeneratedKernels.FewRows is null, "no generated kernels for few rows");
        foreach (bool isBFloat16 in new[] { false, true })
        {
            for (int rows = 1; rows <= FewRowsKernelSet.MostRows; rows++)
            {
                foreach (int lines in new[] { 1, 2, 5 }) AssertSums(GeneratedKernels.FewRows, rows, isBFloat16, lines);
            }
        }
    }

    private static unsafe void AssertSums(FewRowsKernelSet kernels, int rows, bool isBFloat16, int lines)
    {
        const int Columns = 16, SumStride = Columns + 5;
        Random random = new(rows);
        int k = lines * (isBFloat16 ? 32 : 16), elementBytes = isBFloat16 ? sizeof(ushort) : sizeof(float), rowBytes = (k + 7) * elementBytes;
        using NativeBuffer weights = new(Columns * rowBytes), left = new(k * rows * sizeof(float)), sums = new(rows * SumStride * sizeof(float));
        float[,] wide = new float[Columns, k];
        for (int n = 0; n < Columns; n++)
        {
            for (int i = 0; i < k; i++)
            {
                float x = random.NextSingle() - 0.5f;
                ushort upper = (ushort)(BitConverter.SingleToUInt32Bits(x) >> 16);
                wide[n, i] = isBFloat16 ? BitConverter.UInt32BitsToSingle((uint)upper << 16) : x;
                if (isBFloat16) *(ushort*)(weights.Data + n * rowBytes + i * 2) = upper;
                else *(float*)(weights.Data + n * rowBytes + i * 4) = x;
            }
        }

        for (int i = 0; i < k * rows; i++) ((float*)left.Data)[i] = random.NextSingle() - 0.5f;
        float[] expected = new float[rows * SumStride];
        for (int i = 0; i < expected.Length; i++)
        {
            float sum = ((float*)sums.Data)[i] = random.NextSingle();
            for (int j = 0; j < k && i % SumStride < Columns; j++) sum = MathF.FusedMultiplyAdd(((float*)left.Data)[j * rows + i / SumStride], wide[i % SumStride, j], sum);
            expected[i] = sum;
        }

        FewRowsArguments arguments = new()
        {
            Weights = weights.Data,
            WeightStride = rowBytes,
            Ahead = weights.Data + 64,
            AheadStride = rowBytes,
            AheadStep = 64 - Columns * rowBytes,
            Left = left.Data,
            Lines = lines,
            Sums = (float*)sums.Data,
            SumStride = SumStride * sizeof(float),
        };
        ((delegate* unmanaged<void*, void>)kernels.Product(rows, isBFloat16))(&arguments);
        Assert.Equal(
            Array.ConvertAll(expected, BitConverter.SingleToInt32Bits),
            Array.ConvertAll(sums.AsSpan<float>(0, expected.Length).ToArray(), BitConverter.SingleToInt32Bits));
    }
}
