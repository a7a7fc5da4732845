using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

/// <summary>Rows of caches: their bytes and their rounding.</summary>
public sealed class CacheRowsTests
{
    private static readonly int[] s_pages = [2, 0];

    public static TheoryData<ElementType> Types => [ElementType.F32, ElementType.BF16, ElementType.F8E4M3];

    // DeepSeek-V2's latent of 512 and rotated key of 64; Llama 3.1 8B's 8 key heads of 128.
    [Theory]
    [InlineData(ElementType.F32, 2304, 8192)]
    [InlineData(ElementType.BF16, 1152, 4096)]
    [InlineData(ElementType.F8E4M3, 512 + 128 + 4, 2048 + 64)]
    public void Bytes_of_a_row(ElementType type, int latent, int keysAndValues)
    {
        Assert.Equal(latent, CacheRowFormat.Latent(type, 512, 64).RowBytes);
        Assert.Equal(keysAndValues, CacheRowFormat.KeysAndValues(type, 8, 128, 128).RowBytes);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void What_is_stored_is_loaded_again_rounded_to_nearest(ElementType type)
    {
        foreach (CacheRowFormat format in new[]
        {
            CacheRowFormat.Latent(type, 32, 8), CacheRowFormat.Latent(type, 129, 33), CacheRowFormat.KeysAndValues(type, 3, 17, 5),
        })
        {
            bool scaledSecond = type == ElementType.F8E4M3 && !format.IsLatent;
            (float[] first, float[] second) = (Random(1, 200, format.FirstElements), Random(2, 200, format.SecondElements));
            (float[] firstBack, float[] secondBack) = StoreAndLoad(format, first, second, 200);
            int firstGroup = format.IsLatent ? format.FirstElements : format.KeyDim, secondGroup = format.IsLatent ? format.SecondElements : format.ValueDim;
            AssertRounded(type, firstGroup, first, firstBack);
            AssertRounded(scaledSecond ? type : type == ElementType.F32 ? type : ElementType.BF16, secondGroup, second, secondBack);
        }
    }

    // The relative error of a normal E4M3 is at most 2^-4; a group's elements are subnormal below 2^-6 of the scale, where the error is at
    // most half of 2^-9 of it. Scale is at most max / 224, as the next smaller power of two would not reach.
    [Fact]
    public void The_error_of_E4M3_is_bounded_by_the_element_and_the_largest_of_its_group()
    {
        CacheRowFormat format = CacheRowFormat.Latent(ElementType.F8E4M3, 64, 8);
        float[] first = new float[100 * 64], second = new float[100 * 8];
        Random random = new(5);
        for (int i = 0; i < first.Length; i++) first[i] = (random.NextSingle() - 0.5f) * MathF.Exp(20 * random.NextSingle() - 10);
        (float[] back, _) = StoreAndLoad(format, first, second, 100);
        for (int i = 0; i < first.Length; i++)
        {
            float max = first.AsSpan(i / 64 * 64, 64).ToArray().Max(MathF.Abs);
            Assert.True(Math.Abs(back[i] - first[i]) <= Math.Max(Math.Abs(first[i]) / 16, max / 224 / 1024), $"element {i}: {first[i]} became {back[i]} beside {max}");
        }
    }

    [Theory]
    [InlineData(448f)]
    [InlineData(449f)]
    [InlineData(1e-38f)]
    [InlineData(1e-45f)]
    [InlineData(3e38f)]
    [InlineData(0f)]
    public void A_group_of_any_magnitude_is_stored(float largest)
    {
        CacheRowFormat format = CacheRowFormat.Latent(ElementType.F8E4M3, 4, 1);
        float[] first = [largest, -largest, largest / 2, 0];
        (float[] back, _) = StoreAndLoad(format, first, [1], 1);
        for (int i = 0; i < first.Length; i++) Assert.True(Math.Abs(back[i] - first[i]) <= Math.Abs(first[i]) / 16 + float.Epsilon, $"{first[i]} became {back[i]}");
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_number_gone_wrong_is_not_hidden(float wrong)
    {
        CacheRowFormat format = CacheRowFormat.KeysAndValues(ElementType.F8E4M3, 2, 3, 2);
        (float[] keys, float[] values) = StoreAndLoad(format, [1, wrong, 2, 4, 5, 6], [7, 8, 9, wrong], 1);
        Assert.All(keys[..3], x => Assert.True(float.IsNaN(x)));
        Assert.Equal([4f, 5, 6], keys[3..]);
        Assert.Equal([7f, 8], values[..2]);
        Assert.All(values[2..], x => Assert.True(float.IsNaN(x)));
    }

    [Fact]
    public void Only_the_newest_rows_are_stored_and_any_range_can_be_loaded()
    {
        CacheRowFormat format = CacheRowFormat.Latent(ElementType.F32, 2, 1);
        using NativeBuffer pool = new(3L * CacheRows.PageTokens * format.RowBytes), memory = new(sizeof(float) * 3 * 70);
        memory.AsSpan<float>(0, 210).Fill(1);
        Matrix first = new(memory, ElementType.F32, 0, 70, 2), second = new(memory, ElementType.F32, 140, 70, 1);
        using WorkerPool workers = new(2);
        CacheRows rows = new(pool, format, s_pages, 70);
        CacheRows.Store(workers, [new AttentionSequence(0, 70, rows)], first, second);
        memory.AsSpan<float>(0, 210).Fill(2);
        CacheRows.Store(workers, [new AttentionSequence(9, 3, rows)], first, second);
        rows.Load(workers, 60, first.RowRange(0, 10), second.RowRange(0, 10));
        Assert.Equal([1f, 1, 1, 1, 1, 1, 1, 2, 2, 2], Enumerable.Range(0, 10).Select(r => first.Row(r)[1]));
        Assert.Equal([1f, 1, 1, 1, 1, 1, 1, 2, 2, 2], Enumerable.Range(0, 10).Select(r => second.Row(r)[0]));
        Assert.Equal(0, pool.AsSpan<float>(3 * CacheRows.PageTokens, 1)[0]);
        Assert.Throws<ArgumentException>(() => rows.Load(workers, 61, first.RowRange(0, 10), second.RowRange(0, 10)));
        Assert.Throws<ArgumentException>(() => rows.Load(workers, 0, second, second));
        Assert.Throws<ArgumentException>(() => CacheRows.Store(workers, [new AttentionSequence(0, 3, first, first)], first, second));
        Assert.Throws<ArgumentException>(() => CacheRows.Store(workers, [new AttentionSequence(68, 3, rows)], first, second));
    }

    [Fact]
    public void Other_types_and_sizes_are_refused()
    {
        Assert.Throws<ArgumentException>(() => CacheRowFormat.Latent(ElementType.F16, 32, 8));
        Assert.Throws<ArgumentException>(() => CacheRowFormat.Latent(ElementType.F32, 0, 8));
        Assert.Throws<ArgumentException>(() => CacheRowFormat.KeysAndValues(ElementType.F32, 0, 8, 8));
    }

    [Fact]
    public unsafe void All_patterns_of_E4M3_widen_to_their_values_in_every_register_width()
    {
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        float[] wide = new float[256];
        fixed (byte* from = bytes)
        fixed (float* to = wide)
        {
            Check<SimdScalar, float>(from, to);
            Check<Simd128, System.Runtime.Intrinsics.Vector128<float>>(from, to);
            Check<Simd256, System.Runtime.Intrinsics.Vector256<float>>(from, to);
            if (System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated) Check<Simd512, System.Runtime.Intrinsics.Vector512<float>>(from, to);
        }

        static void Check<TSimd, TVector>(byte* from, float* to)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            new Span<float>(to, 256).Fill(-1);
            for (int i = 0; i < 256; i += TSimd.Lanes) TSimd.Store(TSimd.LoadE4M3(from + i), to + i);
            for (int i = 0; i < 256; i++) Assert.Equal(Float8E4M3.FromBits((byte)i).ToSingle(), to[i]);
        }
    }

    private static float[] Random(int seed, int rows, int columns)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, rows * columns).Select(_ => 6 * random.NextSingle() - 3)];
    }

    private static (float[] First, float[] Second) StoreAndLoad(CacheRowFormat format, float[] first, float[] second, int rows)
    {
        using NativeBuffer pool = new((CacheRows.PagesFor(rows) + 1L) * CacheRows.PageTokens * format.RowBytes);
        using NativeBuffer memory = new((first.Length + second.Length) * sizeof(float));
        first.CopyTo(memory.AsSpan<float>(0, first.Length));
        second.CopyTo(memory.AsSpan<float>(first.Length, second.Length));
        Matrix a = new(memory, ElementType.F32, 0, rows, format.FirstElements), b = new(memory, ElementType.F32, first.Length, rows, format.SecondElements);
        using WorkerPool workers = new(2);
        CacheRows cached = new(pool, format, Enumerable.Range(1, CacheRows.PagesFor(rows)).Reverse().ToArray(), rows);
        CacheRows.Store(workers, [new AttentionSequence(0, rows, cached)], a, b);
        memory.AsSpan<float>(0, first.Length + second.Length).Fill(float.NaN);
        cached.Load(workers, 0, a, b);
        return (memory.AsSpan<float>(0, first.Length).ToArray(), memory.AsSpan<float>(first.Length, second.Length).ToArray());
    }

    private static void AssertRounded(ElementType type, int group, float[] exact, float[] stored)
    {
        for (int start = 0; start < exact.Length; start += group)
        {
            float max = exact.AsSpan(start, group).ToArray().Max(MathF.Abs), scale = 1;
            while (max / scale > 448) scale *= 2;
            while (max / (scale / 2) <= 448) scale /= 2;
            for (int i = start; i < start + group; i++)
            {
                float expected = type switch
                {
                    ElementType.F32 => exact[i],
                    ElementType.BF16 => BFloat16.FromSingle(exact[i]).ToSingle(),
                    _ => Float8E4M3.FromSingle(exact[i] / scale, saturate: false).ToSingle() * scale,
                };
                Assert.Equal(expected, stored[i]);
            }
        }
    }
}
