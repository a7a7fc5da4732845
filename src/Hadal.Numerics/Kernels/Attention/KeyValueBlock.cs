namespace Hadal.Numerics;

/// <summary>The keys and values of one head for a block of tokens, as F32 rows: where they lie, or widened in scratch memory.</summary>
internal readonly unsafe struct KeyValueBlock(float* keys, nint keyStride, float* values, nint valueStride)
{
    public readonly float* Keys = keys;
    public readonly nint KeyStride = keyStride;
    public readonly float* Values = values;
    public readonly nint ValueStride = valueStride;

    /// <summary>Finds a block, which begins at a multiple of <see cref="AttentionPacking.BlockKeys"/> and so lies in one page.</summary>
    /// <param name="slice">The sequence.</param>
    /// <param name="shape">Sizes of heads.</param>
    /// <param name="keyHead">The head.</param>
    /// <param name="firstKey">First token of the block.</param>
    /// <param name="keys">Tokens of the block.</param>
    /// <param name="wideKeys">Room for narrow keys, [BlockKeys, KeyDim].</param>
    /// <param name="wideValues">Room for narrow values, [BlockKeys, wideValueStride].</param>
    /// <param name="wideValueStride">Elements from one of them to the next.</param>
    public static KeyValueBlock Find<TSimd, TVector>(
        in AttentionSlice slice, AttentionShape shape, int keyHead, int firstKey, int keys, float* wideKeys, float* wideValues, int wideValueStride)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        CachedSlice cached = slice.Cached;
        if (cached.IsNull)
        {
            return new KeyValueBlock(
                slice.Keys.Row(firstKey, keyHead, shape.KeyDim), slice.Keys.Stride,
                slice.Values.Row(firstKey, keyHead, shape.ValueDim), slice.Values.Stride);
        }

        if (cached.IsF32)
        {
            nint stride = (nint)(cached.RowBytes / sizeof(float));
            return new KeyValueBlock(cached.KeyF32(firstKey, keyHead), stride, cached.ValueF32(firstKey, keyHead), stride);
        }

        byte* row = cached.Row(firstKey);
        for (int key = 0; key < keys; key++, row += cached.RowBytes)
        {
            cached.ReadKey<TSimd, TVector>(row, keyHead, wideKeys + (long)key * shape.KeyDim);
            if (!cached.IsLatent) cached.ReadValue<TSimd, TVector>(row, keyHead, wideValues + (long)key * wideValueStride);
        }

        return cached.IsLatent
            ? new KeyValueBlock(wideKeys, shape.KeyDim, wideKeys, shape.KeyDim)
            : new KeyValueBlock(wideKeys, shape.KeyDim, wideValues, wideValueStride);
    }

    /// <summary>Asks for the rows of a block that will be read soon.</summary>
    public static void Prefetch(in AttentionSlice slice, AttentionShape shape, int keyHead, int firstKey)
    {
        int keys = Math.Min(AttentionPacking.BlockKeys, slice.KeyCount - firstKey);
        if (keys <= 0) return;
        CachedSlice cached = slice.Cached;
        if (cached.IsNull)
        {
            AttentionPacking.Prefetch(
                (byte*)slice.Keys.Row(firstKey, keyHead, shape.KeyDim), slice.Keys.Stride * sizeof(float), keys, shape.KeyDim * sizeof(float));
            AttentionPacking.Prefetch(
                (byte*)slice.Values.Row(firstKey, keyHead, shape.ValueDim), slice.Values.Stride * sizeof(float), keys, shape.ValueDim * sizeof(float));
            return;
        }

        byte* row = cached.Row(firstKey);
        nint stride = (nint)cached.RowBytes;
        if (cached.IsLatent)
        {
            AttentionPacking.Prefetch(row, stride, keys, (int)stride);
            return;
        }

        int keyBytes = cached.First.Length * cached.First.Type.SizeInBytes(), valueBytes = cached.Second.Length * cached.Second.Type.SizeInBytes();
        AttentionPacking.Prefetch(row + cached.First.Offset + (long)keyHead * keyBytes, stride, keys, keyBytes);
        AttentionPacking.Prefetch(row + cached.Second.Offset + (long)keyHead * valueBytes, stride, keys, valueBytes);
    }
}
