using Hadal.Inference;
using Hadal.Models;
using Hadal.Tests.Models;

namespace Hadal.Tests.Inference;

public sealed class PrefixCacheTests : IDisposable
{
    private readonly PagePool _pool = new(ConfigText.V3.Read(), pages: 8);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void Pages_are_found_as_far_as_all_tokens_from_the_beginning_are_the_same()
    {
        PrefixCache prefixes = new(_pool);
        int[] tokens = TinyModels.Ids(200, 1);
        int[] pages = Keep(prefixes, tokens);
        Assert.Equal(3, pages.Length);
        Assert.Equal(pages, Found(prefixes, tokens));
        Assert.Equal(pages[..2], Found(prefixes, tokens[..192])); // the last token has to be computed
        Assert.Equal(pages, Found(prefixes, tokens[..193]));
        Assert.Equal(pages[..1], Found(prefixes, [.. tokens[..100], tokens[100] + 1, .. tokens[101..]]));
        Assert.Empty(Found(prefixes, [tokens[0] + 1, .. tokens[1..]]));

        // The second page's tokens alone, or behind others, are not that page.
        Assert.Empty(Found(prefixes, tokens[64..]));
        Keep(prefixes, TinyModels.Ids(65, 2));
        Assert.Single(Found(prefixes, [.. TinyModels.Ids(64, 2), .. tokens[64..]]));
    }

    [Fact]
    public void Equal_hashes_of_different_tokens_are_told_apart()
    {
        PrefixCache prefixes = new(_pool, hashMask: 0);
        int[] one = TinyModels.Ids(130, 1), two = TinyModels.Ids(130, 2);
        int[] pages = Keep(prefixes, one);
        Keep(prefixes, two);
        Assert.Equal(1, prefixes.Count);
        Assert.Equal(pages[..1], Found(prefixes, one));
        Assert.Empty(Found(prefixes, two));
    }

    [Fact]
    public void The_longest_unused_pages_go_first_and_ends_before_beginnings()
    {
        PrefixCache prefixes = new(_pool);
        int[] old = TinyModels.Ids(200, 1), recent = TinyModels.Ids(200, 2);
        int[] oldPages = Keep(prefixes, old), recentPages = Keep(prefixes, recent);
        Assert.Equal((6, 0, 8), (_pool.CachedPages, _pool.UsedPages, _pool.AvailablePages));
        Rent(3); // two were empty
        Assert.Equal(oldPages[..2], Found(prefixes, old));
        Rent(1);
        Assert.Equal(oldPages[..1], Found(prefixes, old));
        Rent(2);
        Assert.Empty(Found(prefixes, old));
        Assert.Equal(recentPages[..2], Found(prefixes, recent));
        prefixes.Clear();
        Assert.Equal((0, 0), (prefixes.Count, _pool.CachedPages));
    }

    [Fact]
    public void Pages_in_use_are_never_evicted()
    {
        PrefixCache prefixes = new(_pool);
        int[] held = TinyModels.Ids(200, 1);
        int[] pages = Keep(prefixes, held);
        using KvCache holder = new(_pool);
        holder.Adopt(pages.AsSpan(0, 2));
        Keep(prefixes, TinyModels.Ids(200, 2));
        Rent(6);
        Assert.Equal(pages[..2], Found(prefixes, held));
        Assert.Equal(0, _pool.AvailablePages);
        Assert.Throws<PagesExhaustedException>(() => Rent(1));
    }

    [Fact]
    public void A_page_whose_beginning_was_forgotten_makes_place_for_one_that_can_be_found()
    {
        PrefixCache prefixes = new(_pool);
        int[] tokens = TinyModels.Ids(130, 1);
        using KvCache first = new(_pool), second = new(_pool);
        first.Reserve(64);
        PrefixPage root = prefixes.Keep(null, tokens.AsSpan(0, 64), first.Pages[0])!;
        second.Reserve(128); // computed the same at the same time, in pages of its own
        PrefixPage orphan = prefixes.Keep(root, tokens.AsSpan(64, 64), second.Pages[1])!;
        first.Dispose();
        using KvCache others = new(_pool);
        others.Reserve(64 * 6); // takes the root's page
        Assert.True(root.IsForgotten);
        Assert.Empty(Found(prefixes, tokens));
        others.Dispose();

        PrefixPage again = prefixes.Keep(null, tokens.AsSpan(0, 64), second.Pages[0])!;
        PrefixPage replaced = prefixes.Keep(again, tokens.AsSpan(64, 64), second.Pages[1])!;
        Assert.True(orphan.IsForgotten);
        Assert.False(replaced.IsForgotten);
        Assert.Equal([second.Pages[0], second.Pages[1]], Found(prefixes, tokens));
    }

    // A sequence that computes the tokens, keeps its full pages and ends.
    private int[] Keep(PrefixCache prefixes, int[] tokens)
    {
        using KvCache cache = new(_pool);
        cache.Reserve(tokens.Length);
        PrefixPage? last = null;
        for (int p = 0; p < tokens.Length / 64; p++)
        {
            last = prefixes.Keep(last, tokens.AsSpan(64 * p, 64), cache.Pages[p]);
            if (last is null) break;
        }

        prefixes.Touch(last);
        return cache.Pages[..(tokens.Length / 64)].ToArray();
    }

    private static List<int> Found(PrefixCache prefixes, int[] tokens)
    {
        List<int> pages = [];
        prefixes.Find(tokens, pages);
        return pages;
    }

    private void Rent(int pages) => new KvCache(_pool).Reserve(64 * pages);
}
