using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Models;

public sealed class PagePoolTests
{
    private static readonly ModelConfig s_config = ConfigText.V3.Read();

    /// <summary>Beside every cache lies a plain list of what was written to it, row by row.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Whatever_is_done_to_caches_each_reads_what_was_written_to_it_and_all_pages_come_back(int seed)
    {
        using PagePool pool = new(s_config, pages: 24);
        Random random = new(seed);
        List<(KvCache Cache, List<float> Written)> all = [(new KvCache(pool), [])];
        int refused = 0;
        for (int step = 0; step < 1500; step++)
        {
            int chosen = random.Next(all.Count);
            (KvCache cache, List<float> written) = all[chosen];
            switch (random.Next(8))
            {
                case 0 when all.Count < 12:
                    all.Add((cache.Fork(), [.. written]));
                    break;
                case 1:
                    cache.Truncate(random.Next(cache.Length + 1));
                    written.RemoveRange(cache.Length, written.Count - cache.Length);
                    break;
                case 2 when all.Count > 1:
                    cache.Dispose();
                    all.RemoveAt(chosen);
                    break;
                default:
                    int count = random.Next(1, 150);
                    if (cache.PagesNeeded(count) > pool.AvailablePages)
                    {
                        int available = pool.AvailablePages;
                        Assert.Throws<PagesExhaustedException>(() => cache.Reserve(count));
                        Assert.Equal((available, written.Count), (pool.AvailablePages, cache.Length));
                        refused++;
                        break;
                    }

                    Write(cache, written, count, 1000 * step);
                    break;
            }

            Assert.Equal(pool.Pages, pool.UsedPages + pool.AvailablePages);
            HashSet<int> held = [.. all.SelectMany(entry => entry.Cache.Pages.ToArray())];
            Assert.Equal(held.Count, pool.UsedPages);
            if (step % 50 == 0) Assert.All(all, entry => AssertHolds(entry.Cache, entry.Written));
        }

        Assert.True(refused > 20, $"the pool was full {refused} times only");
        Assert.All(all, entry => AssertHolds(entry.Cache, entry.Written));
        foreach ((KvCache cache, _) in all) cache.Dispose();
        Assert.Equal((0, 24, 0), (pool.UsedPages, pool.AvailablePages, pool.CachedPages));
    }

    [Fact]
    public void A_fork_takes_no_page_before_it_goes_on_and_then_only_the_last_one()
    {
        using PagePool pool = new(s_config, pages: 8);
        using KvCache cache = new(pool);
        Write(cache, [], 150, 1);
        Assert.Equal(3, pool.UsedPages);
        using KvCache fork = cache.Fork();
        Assert.Equal((150, 3), (fork.Length, pool.UsedPages));
        Write(fork, [], 1, 2);
        Assert.Equal(4, pool.UsedPages);
        Assert.True(cache.Pages[..2].SequenceEqual(fork.Pages[..2]));
        Assert.NotEqual(cache.Pages[2], fork.Pages[2]);
    }

    [Fact]
    public void A_kept_page_stays_until_room_is_needed_and_is_never_written_to()
    {
        using PagePool pool = new(s_config, pages: 3);
        List<int> evicted = [];
        KvCache cache = new(pool);
        List<float> written = [];
        Write(cache, written, 64, 1);
        int page = cache.Pages[0];
        pool.Keep(page);
        pool.Evict = () =>
        {
            evicted.Add(page);
            pool.Forget(page);
        };

        using KvCache other = new(pool);
        other.Adopt([page]);
        other.Truncate(10);
        Write(other, written[..10], 1, 5);
        Assert.NotEqual(page, other.Pages[0]);
        AssertHolds(cache, written);

        cache.Dispose();
        Assert.Equal((1, 1, 2), (pool.UsedPages, pool.CachedPages, pool.AvailablePages));
        Write(other, [], 64 - 11 + 64, 7);
        Assert.Equal((2, 1), (pool.UsedPages, pool.CachedPages));
        Assert.Empty(evicted);
        Write(other, [], 1, 8);
        Assert.Equal([page], evicted);
        Assert.Equal((3, 0, 0), (pool.UsedPages, pool.CachedPages, pool.AvailablePages));
    }

    [Fact]
    public void A_cache_of_its_own_grows_and_gives_its_memory_back()
    {
        KvCache cache = new(s_config);
        List<float> written = [];
        for (int i = 0; i < 9; i++) Write(cache, written, 64, 1000 * i);
        KvCache fork = cache.Fork();
        Assert.True(cache.Pool.Pages >= 9);
        cache.Dispose();
        AssertHolds(fork, written);
        fork.Dispose();
        Assert.Equal(0, fork.Pool.Pages);
        Write(fork, [], 3, 1);
        Assert.Equal((3, 1), (fork.Length, fork.Pool.UsedPages));
        fork.Dispose();
    }

    [Fact]
    public void A_pool_has_rows_for_every_layer_and_for_modules_where_asked()
    {
        using PagePool pool = new(s_config, pages: 2, modules: 2);
        Assert.Equal(64 * (24 + 8) * sizeof(float) * (3 + 2), pool.BytesPerPage);
        using KvCache cache = new(pool);
        cache.Reserve(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => new PagePool(s_config, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PagePool(s_config, 1, modules: -1));
    }

    // Rows of one value each, different for every layer.
    private static void Write(KvCache cache, List<float> written, int count, float first)
    {
        cache.Reserve(count);
        for (int i = 0; i < count; i++)
        {
            for (int l = 0; l < s_config.NumHiddenLayers; l++) Row(cache, l, cache.Length + i).Fill(first + i + 0.25f * l);
            written.Add(first + i);
        }

        cache.Advance(count);
    }

    private static void AssertHolds(KvCache cache, List<float> written)
    {
        Assert.Equal(written.Count, cache.Length);
        for (int t = 0; t < written.Count; t++)
        {
            for (int l = 0; l < s_config.NumHiddenLayers; l++)
            {
                Assert.True(Row(cache, l, t).IndexOfAnyExcept(written[t] + 0.25f * l) < 0, $"token {t}, layer {l}: expected {written[t] + 0.25f * l}");
            }
        }
    }

    private static Span<float> Row(KvCache cache, int layer, int position)
    {
        const int width = 24 + 8;
        return cache.Pool.Layer(layer).AsSpan<float>(width * (64L * cache.Pages[position / 64] + position % 64), width);
    }
}
