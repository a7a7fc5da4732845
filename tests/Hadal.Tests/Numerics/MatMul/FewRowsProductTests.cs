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
        Random random = new(1);
        foreach (bool isBFloat16 in new[] { false, true })
        {
            for (int rows = 1; rows <= FewRowsKernelSet.MostRows; rows++)
            {
                foreach (int lines in new[] { 1, 2, 5 })
                {
                    int k = lines * (isBFloat16 ? 32 : 16), elementBytes = isBFloat16 ? sizeof(ushort) : sizeof(float), rowBytes = (k + 7) * elementBytes;
                    using NativeBuffer weights = new(16 * rowBytes), left = new(k * rows * sizeof(float)), sums = new(rows * 64 + FewRowsCode.ScratchBytes);
                    float[,] wide = new float[16, k];
                    for (int n = 0; n < 16; n++)
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

                    float[] expected = new float[rows * 16];
                    for (int i = 0; i < k * rows; i++) ((float*)left.Data)[i] = random.NextSingle() - 0.5f;
                    for (int i = 0; i < expected.Length; i++) ((float*)sums.Data)[i] = expected[i] = random.NextSingle();
                    for (int m = 0; m < rows; m++)
                    {
                        for (int n = 0; n < 16; n++)
                        {
                            for (int i = 0; i < k; i++) expected[m * 16 + n] = MathF.FusedMultiplyAdd(((float*)left.Data)[i * rows + m], wide[n, i], expected[m * 16 + n]);
                        }
                    }

                    FewRowsArguments arguments = new()
                    {
                        Weights = weights.Data,
                        WeightStride = rowBytes,
                        Ahead = weights.Data + 64,
                        AheadStride = rowBytes,
                        AheadStep = 64,
                        Left = (float*)left.Data,
                        Lines = lines,
                        Sums = (float*)sums.Data,
                    };
                    GeneratedKernels.FewRows.Multiply(rows, isBFloat16, &arguments);
                    Assert.Equal(
                        Array.ConvertAll(expected, BitConverter.SingleToInt32Bits),
                        Array.ConvertAll(sums.AsSpan<float>(0, rows * 16).ToArray(), BitConverter.SingleToInt32Bits));
                }
            }
        }
    }
}
