using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>
/// What one sequence leaves behind for its next tokens: a table of pages in a <see cref="PagePool"/> and a length. Owned by the
/// sequence's timeline, never by a layer. Forks share pages; a page that others see is copied before it is written to.
/// </summary>
public sealed class KvCache : IDisposable
{
    private int[] _pages = [];
    private int _pageCount;

    /// <summary>An empty cache with memory of its own, which grows with the sequence.</summary>
    public KvCache(ModelConfig config)
        : this(PagePool.Growing(config))
    {
    }

    /// <summary>An empty cache in a pool.</summary>
    public KvCache(PagePool pool)
    {
        ArgumentNullException.ThrowIfNull(pool);
        Pool = pool;
    }

    /// <summary>How each number is stored where nothing else is asked for.</summary>
    public const ElementType StoredAs = ElementType.F32;

    /// <summary>Where the pages are.</summary>
    public PagePool Pool { get; }

    /// <summary>Tokens that are cached.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes of the pages that the cache holds, those that it shares included.</summary>
    public long ByteLength => _pageCount * Pool.BytesPerPage;

    /// <summary>The pages in order.</summary>
    internal ReadOnlySpan<int> Pages => _pages.AsSpan(0, _pageCount);

    /// <summary>A second timeline that has the same past. It takes no memory until one of the two goes on.</summary>
    public KvCache Fork()
    {
        KvCache fork = new(Pool);
        fork.Adopt(Pages[..CacheRows.PagesFor(Length)]);
        fork.Length = Length;
        return fork;
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on, and gives their pages back.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
        int kept = CacheRows.PagesFor(length);
        while (_pageCount > kept) Pool.Return(_pages[--_pageCount]);
    }

    /// <summary>Gives all pages back.</summary>
    public void Dispose() => Truncate(0);

    /// <summary>Pages that <see cref="Reserve"/> would take from the pool.</summary>
    internal int PagesNeeded(int count) =>
        Math.Max(0, CacheRows.PagesFor(checked(Length + count)) - _pageCount) + (count > 0 && LastIsShared ? 1 : 0);

    /// <summary>Makes room for <paramref name="count"/> more tokens in every layer.</summary>
    /// <exception cref="PagesExhaustedException">The pool has too few pages; nothing has changed.</exception>
    internal void Reserve(int count)
    {
        int needed = PagesNeeded(count);
        if (needed > Pool.AvailablePages && !Pool.Grows) throw new PagesExhaustedException(needed, Pool.AvailablePages);
        if (count > 0 && LastIsShared)
        {
            ref int last = ref _pages[Length / PagePool.PageTokens];
            int copy = Pool.Rent();
            Pool.Copy(last, copy, Length % PagePool.PageTokens);
            Pool.Return(last);
            last = copy;
        }

        int pages = CacheRows.PagesFor(Length + count);
        MakeRoom(pages);
        while (_pageCount < pages) _pages[_pageCount++] = Pool.Rent();
    }

    /// <summary>Begins with full pages that were computed for the same tokens.</summary>
    internal void Adopt(ReadOnlySpan<int> pages)
    {
        if (_pageCount > 0) throw new InvalidOperationException("only an empty cache can adopt pages");
        MakeRoom(pages.Length);
        foreach (int page in pages) Pool.Share(page);
        pages.CopyTo(_pages);
        _pageCount = pages.Length;
        Length = _pageCount * PagePool.PageTokens;
    }

    /// <summary>The rows of a layer for the first <paramref name="length"/> tokens, those that are only reserved included.</summary>
    internal CacheRows Rows(int layer, int length) => new(Pool.Layer(layer), Pool.Format, _pages.AsMemory(0, _pageCount), length);

    /// <summary>Counts tokens in, after every layer has stored them.</summary>
    internal void Advance(int count) => Length += count;

    // The next token falls into a page that somebody else sees.
    private bool LastIsShared => Length % PagePool.PageTokens != 0 && Pool.IsShared(_pages[Length / PagePool.PageTokens]);

    private void MakeRoom(int pages)
    {
        if (_pages.Length < pages) Array.Resize(ref _pages, Math.Max(pages, Math.Max(4, 2 * _pages.Length)));
    }
}
