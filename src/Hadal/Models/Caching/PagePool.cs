using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>
/// Memory for what sequences leave behind for their next tokens, in pages of <see cref="PageTokens"/> tokens (Kwon et al. 2023, arXiv
/// 2309.06180). Sequences hold pages by reference, so those with the same beginning share it; a page goes back with its last holder,
/// unless it is kept for later sequences, and then when room is needed. A row per token and layer: for latent attention the compressed
/// latent and the rotated key, [kv_lora_rank + rope], and nothing else; for grouped-query attention the keys and then the values of the
/// key heads. Serves one thread at a time.
/// </summary>
public sealed class PagePool : IDisposable
{
    /// <summary>Tokens of a page.</summary>
    public const int PageTokens = CacheRows.PageTokens;

    private readonly NativeBuffer?[] _layers;
    private int[] _references = [];
    private bool[] _kept = [];
    private int[] _free = []; // a stack: what was written last is used again first
    private int _freeCount;

    /// <summary>A pool of a fixed size. The system gives memory to pages only as they are used for the first time.</summary>
    /// <param name="config">The model, which says how wide a row is and how many layers there are.</param>
    /// <param name="pages">Number of pages.</param>
    /// <param name="type">How most numbers are stored: F32, BF16 or F8E4M3; see <see cref="CacheRowFormat"/>.</param>
    /// <param name="modules">Multi-token-prediction modules that cache too, as layers after the last.</param>
    /// <exception cref="ArgumentException">A number is out of range, the pages have more than 2^31 - 1 rows, or the type is none of the three.</exception>
    /// <exception cref="OutOfMemoryException">The system refused the memory.</exception>
    public PagePool(ModelConfig config, int pages, ElementType type = ElementType.F32, int modules = 0)
        : this(config, type, modules, grows: false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pages, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pages, int.MaxValue / PageTokens);
        try
        {
            Resize(pages);
        }
        catch
        {
            FreeMemory();
            throw;
        }
    }

    private PagePool(ModelConfig config, ElementType type, int modules, bool grows)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentOutOfRangeException.ThrowIfNegative(modules);
        _layers = new NativeBuffer?[config.NumHiddenLayers + modules];
        Format = RowFormat(config, type);
        BytesPerPage = PageBytes(config, type, modules);
        Grows = grows;
    }

    /// <summary>How a row is stored.</summary>
    public CacheRowFormat Format { get; }

    /// <summary>Bytes of a page in all layers.</summary>
    public long BytesPerPage { get; }

    /// <summary>Pages in all.</summary>
    public int Pages => _references.Length;

    /// <summary>Pages that some sequence holds.</summary>
    public int UsedPages => Pages - AvailablePages;

    /// <summary>Pages that no sequence holds, with content that is kept for later ones.</summary>
    public int CachedPages { get; private set; }

    /// <summary>Pages that can be had: empty ones, and those that are only kept.</summary>
    public int AvailablePages => _freeCount + CachedPages;

    /// <summary>Forgets a kept page that no sequence holds, the least useful one; set by whoever keeps pages.</summary>
    internal Action? Evict { get; set; }

    /// <summary>Whether a request for any number of pages can be met.</summary>
    internal bool Grows { get; }

    /// <summary>Bytes that one page would take.</summary>
    public static long PageBytes(ModelConfig config, ElementType type, int modules = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        return checked((long)PageTokens * RowFormat(config, type).RowBytes * (config.NumHiddenLayers + modules));
    }

    /// <summary>Frees all memory. Sequences must not use their pages afterwards.</summary>
    public void Dispose()
    {
        FreeMemory();
        (_references, _kept, _free, _freeCount, CachedPages) = ([], [], [], 0, 0);
    }

    /// <summary>A pool that starts empty, doubles when it is full, and gives its memory back with the last page.</summary>
    internal static PagePool Growing(ModelConfig config, ElementType type = ElementType.F32) => new(config, type, 0, grows: true);

    /// <summary>A layer's pages, one after the other.</summary>
    internal NativeBuffer Layer(int layer) => _layers[layer] ?? throw new InvalidOperationException("the pool has no pages");

    /// <summary>Takes a page with undefined content, to be held by one sequence.</summary>
    /// <exception cref="PagesExhaustedException">There is none.</exception>
    internal int Rent()
    {
        if (_freeCount == 0 && CachedPages > 0) Evict!.Invoke();
        if (_freeCount == 0 && Grows) Resize(checked((int)Math.Min(int.MaxValue / PageTokens, Math.Max(1, 2L * Pages))));
        if (_freeCount == 0) throw new PagesExhaustedException(1, 0);
        int page = _free[--_freeCount];
        _references[page] = 1;
        return page;
    }

    /// <summary>Lets one more sequence hold a page that is held or kept.</summary>
    internal void Share(int page)
    {
        if (_references[page]++ == 0) CachedPages--;
    }

    /// <summary>Ends the hold of one sequence.</summary>
    internal void Return(int page)
    {
        if (--_references[page] > 0) return;
        if (_kept[page]) CachedPages++;
        else _free[_freeCount++] = page;
        if (Grows && AvailablePages == Pages && CachedPages == 0) Dispose();
    }

    /// <summary>Whether writing to the page would be seen by others than its one holder.</summary>
    internal bool IsShared(int page) => _references[page] > 1 || _kept[page];

    /// <summary>Whether some sequence holds the page.</summary>
    internal bool IsHeld(int page) => _references[page] > 0;

    /// <summary>Keeps a held page's content beyond its last holder.</summary>
    internal void Keep(int page) => _kept[page] = true;

    /// <summary>Ends the keeping.</summary>
    internal void Forget(int page)
    {
        _kept[page] = false;
        if (_references[page] > 0) return;
        CachedPages--;
        _free[_freeCount++] = page;
    }

    /// <summary>Copies the first <paramref name="rows"/> rows of a page to another one, in all layers.</summary>
    internal void Copy(int from, int to, int rows)
    {
        int bytes = checked(rows * Format.RowBytes);
        long pageBytes = (long)PageTokens * Format.RowBytes;
        foreach (NativeBuffer? layer in _layers) layer!.AsSpan<byte>(from * pageBytes, bytes).CopyTo(layer.AsSpan<byte>(to * pageBytes, bytes));
    }

    // Grows to so many pages; new ones come from the stack in ascending order.
    private void Resize(int pages)
    {
        int old = Pages;
        if (pages <= old) throw new PagesExhaustedException(1, 0);
        int pageBytes = checked(PageTokens * Format.RowBytes);
        for (int l = 0; l < _layers.Length; l++)
        {
            NativeBuffer grown = new((long)pages * pageBytes, zeroed: false);
            if (_layers[l] is { } smaller)
            {
                for (int page = 0; page < old; page++)
                {
                    smaller.AsSpan<byte>((long)page * pageBytes, pageBytes).CopyTo(grown.AsSpan<byte>((long)page * pageBytes, pageBytes));
                }

                smaller.Dispose();
            }

            _layers[l] = grown;
        }

        Array.Resize(ref _references, pages);
        Array.Resize(ref _kept, pages);
        Array.Resize(ref _free, pages);
        for (int page = pages - 1; page >= old; page--) _free[_freeCount++] = page;
    }

    private static CacheRowFormat RowFormat(ModelConfig config, ElementType type) => config switch
    {
        DeepSeekConfig latent => CacheRowFormat.Latent(type, latent.KvLoraRank, latent.QkRopeHeadDim),
        DenseConfig dense => CacheRowFormat.KeysAndValues(type, dense.NumKeyValueHeads, dense.HeadDim, dense.HeadDim),
        _ => throw new ArgumentException($"no cache is known for {config.GetType().Name}", nameof(config)),
    };

    private void FreeMemory()
    {
        foreach (NativeBuffer? layer in _layers) layer?.Dispose();
        Array.Clear(_layers);
    }
}

/// <summary>A sequence needs more pages than the pool has left.</summary>
public sealed class PagesExhaustedException(int needed, int available)
    : Exception($"a sequence needs {needed} more pages of the cache, found {available} left")
{
    /// <summary>Pages that were asked for.</summary>
    public int Needed => needed;

    /// <summary>Pages that were left.</summary>
    public int Available => available;
}
