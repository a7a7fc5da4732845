using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Models;

/// <summary>Within one form of attention, how a sequence is cut into calls must not change a bit of what comes out.</summary>
public sealed class CachedForwardTests : IDisposable
{
    // Past two growths of a cache, which starts with room for 64.
    private const int Length = 140;

    private readonly WorkerPool _workers = new(1);

    public static TheoryData<string> Kinds => TinyModels.Kinds;

    public void Dispose() => _workers.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Prefill_in_chunks_equals_prefill_at_once_to_the_last_bit(string kind)
    {
        using Transformer model = TinyModels.Create(kind);
        int[] ids = TinyModels.Ids(Length, 1);
        foreach (MlaForm form in TinyModels.Forms(kind))
        {
            float[] whole = TinyModels.Whole(model, _workers, ids, form);
            foreach (int[] lengths in new int[][] { [Length], [64, 1, 75], [1, 63, 17], [33] })
            {
                using KvCache cache = new(model.Config);
                float[] pieces = TinyModels.InPieces(model, _workers, form, cache, ids, lengths);
                TinyModels.AssertSameBits(whole, pieces, $"{kind}, {form}, pieces of {string.Join(", ", lengths)}");
                Assert.Equal(Length, cache.Length);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Token_by_token_equals_at_once_to_the_last_bit(string kind)
    {
        using Transformer model = TinyModels.Create(kind);
        int[] ids = TinyModels.Ids(Length, 2);
        foreach (MlaForm form in TinyModels.Forms(kind))
        {
            using KvCache cache = new(model.Config);
            float[] whole = TinyModels.Whole(model, _workers, ids, form);
            TinyModels.AssertSameBits(whole, TinyModels.InPieces(model, _workers, form, cache, ids, 1), $"{kind}, {form}");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_truncated_cache_gives_the_same_bits_as_one_that_never_went_further(string kind)
    {
        using Transformer model = TinyModels.Create(kind);
        int[] ids = TinyModels.Ids(Length, 3), others = TinyModels.Ids(Length, 4);
        foreach (MlaForm form in TinyModels.Forms(kind))
        {
            float[] whole = TinyModels.Whole(model, _workers, ids, form);
            using KvCache cache = new(model.Config);
            TinyModels.InPieces(model, _workers, form, cache, [.. ids[..50], .. others], 50, 7, Length);
            cache.Truncate(50);
            Assert.Equal(50, cache.Length);
            float[] again = TinyModels.InPieces(model, _workers, form, cache, ids[50..], 3, 1, 20);
            TinyModels.AssertSameBits(whole.AsSpan(50 * 97), again, $"{kind}, {form}");

            cache.Truncate(0);
            TinyModels.AssertSameBits(whole, TinyModels.InPieces(model, _workers, form, cache, ids, Length), $"{kind}, {form}, from the start");
        }
    }

    [Fact]
    public void A_cache_holds_the_configured_numbers_per_token_and_nothing_after_its_end()
    {
        using Transformer model = TinyModels.Create("v3");
        using KvCache cache = new(model.Config);
        Assert.Equal(0, cache.ByteLength);
        TinyModels.InPieces(model, _workers, MlaForm.Absorbed, cache, TinyModels.Ids(64, 5), 64);
        Assert.Equal(3 * 64 * (24 + 8) * sizeof(float), cache.ByteLength);
        TinyModels.InPieces(model, _workers, MlaForm.Absorbed, cache, TinyModels.Ids(1, 5), 1);
        Assert.Equal(3 * 128 * (24 + 8) * sizeof(float), cache.ByteLength);
        cache.Dispose();
        Assert.Equal((0, 0L), (cache.Length, cache.ByteLength));
    }

    [Fact]
    public void A_cache_refuses_to_be_truncated_to_more_than_it_has()
    {
        using KvCache cache = new(ConfigText.V3.Read());
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Truncate(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Truncate(-1));
    }
}
