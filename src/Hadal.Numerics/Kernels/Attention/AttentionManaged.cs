using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>Runs the blocked kernels at the widest register the processor has.</summary>
internal static unsafe class AttentionManaged
{
    public static void Forward(WorkerPool pool, in AttentionCall call, int* nextTask, TileKernelSet? kernels = null)
    {
        if (Vector512.IsHardwareAccelerated) AttentionForward<Simd512, Vector512<float>>.Run(pool, call, nextTask, kernels);
        else if (Vector256.IsHardwareAccelerated) AttentionForward<Simd256, Vector256<float>>.Run(pool, call, nextTask);
        else if (Vector128.IsHardwareAccelerated) AttentionForward<Simd128, Vector128<float>>.Run(pool, call, nextTask);
        else AttentionForward<SimdScalar, float>.Run(pool, call, nextTask);
    }

    public static void Backward(WorkerPool pool, in AttentionCall call, int* nextTask)
    {
        if (Vector512.IsHardwareAccelerated) AttentionBackward<Simd512, Vector512<float>>.Run(pool, call, nextTask);
        else if (Vector256.IsHardwareAccelerated) AttentionBackward<Simd256, Vector256<float>>.Run(pool, call, nextTask);
        else if (Vector128.IsHardwareAccelerated) AttentionBackward<Simd128, Vector128<float>>.Run(pool, call, nextTask);
        else AttentionBackward<SimdScalar, float>.Run(pool, call, nextTask);
    }
}
