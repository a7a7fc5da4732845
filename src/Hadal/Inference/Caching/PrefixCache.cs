using Hadal.Models;

namespace Hadal.Inference;

/// <summary>
/// Full pages by the tokens that led to them, so that a sequence that begins like an earlier one starts where they part. A page is found
/// by a hash chained over all tokens from the beginning, and taken only if its tokens and, page by page, those before it are the same.
/// Pages that no sequence holds stay until the pool needs them, the least recently used first.
/// </summary>
internal sealed class PrefixCache
{
    private readonly PagePool _pool;
    private readonly ulong _hashMask;
    private readonly Dictionary<ulong, PrefixPage> _pages = [];
    private readonly LinkedList<PrefixPage> _byUse = []; // the longest unused first

    /// <summary>Starts keeping the pages of a pool.</summary>
    /// <param name="pool">The pool; one cache keeps its pages.</param>
    /// <param name="hashMask">Bits of the hash that are used: fewer for tests of collisions.</param>
    public PrefixCache(PagePool pool, ulong hashMask = ulong.MaxValue)
    {
        (_pool, _hashMask) = (pool, hashMask);
        pool.Evict = Evict;
    }

    /// <summary>Pages that are kept, held by sequences or not.</summary>
    public int Count => _pages.Count;

    /// <summary>The pages that a sequence can start with: all full ones of its tokens but the one with the last token, which must be computed.</summary>
    /// <param name="tokens">The sequence.</param>
    /// <param name="pages">Receives the pages in order.</param>
    /// <returns>The last of them, or null if there is none.</returns>
    public PrefixPage? Find(ReadOnlySpan<int> tokens, List<int> pages)
    {
        pages.Clear();
        PrefixPage? last = null;
        for (int end = PagePool.PageTokens; end < tokens.Length; end += PagePool.PageTokens)
        {
            ReadOnlySpan<int> page = tokens[(end - PagePool.PageTokens)..end];
            if (!_pages.TryGetValue(Hash(last, page), out PrefixPage? found) || !found.Is(last, page)) break;
            pages.Add(found.Page);
            last = found;
        }

        return last;
    }

    /// <summary>Keeps a full page that a sequence holds, unless one for the same tokens is kept already.</summary>
    /// <param name="parent">The page before it; null for a sequence's first.</param>
    /// <param name="tokens">The page's tokens.</param>
    /// <param name="page">The page.</param>
    /// <returns>The page that is kept for these tokens; null where a chance equality of hashes prevents it.</returns>
    public PrefixPage? Keep(PrefixPage? parent, ReadOnlySpan<int> tokens, int page)
    {
        ulong hash = Hash(parent, tokens);
        if (_pages.TryGetValue(hash, out PrefixPage? found))
        {
            if (found.Is(parent, tokens)) return found;

            // Where the page before it is forgotten nobody can find it; otherwise the two hashes are equal by chance, and the first stays.
            if (found.Parent is not { IsForgotten: true }) return null;
            Forget(found);
        }

        PrefixPage added = new(hash, parent, tokens.ToArray(), page);
        _pages.Add(hash, added);
        _byUse.AddLast(added.Use);
        _pool.Keep(page);
        return added;
    }

    /// <summary>Notes the use of a page and of those before it; they outlive it, since it can't be found without them.</summary>
    public void Touch(PrefixPage? last)
    {
        for (PrefixPage? page = last; page is not null; page = page.Parent)
        {
            if (page.IsForgotten) continue;
            _byUse.Remove(page.Use);
            _byUse.AddLast(page.Use);
        }
    }

    /// <summary>Forgets all pages.</summary>
    public void Clear()
    {
        while (_byUse.First is { } first) Forget(first.Value);
    }

    // A page in use is recent, whatever the order says: it goes to the end, so that a search passes it once.
    private void Evict()
    {
        for (int passed = _byUse.Count; passed > 0; passed--)
        {
            PrefixPage oldest = _byUse.First!.Value;
            if (!_pool.IsHeld(oldest.Page))
            {
                Forget(oldest);
                return;
            }

            _byUse.RemoveFirst();
            _byUse.AddLast(oldest.Use);
        }
    }

    private void Forget(PrefixPage page)
    {
        page.IsForgotten = true;
        _byUse.Remove(page.Use);
        _pages.Remove(page.Hash);
        _pool.Forget(page.Page);
    }

    private ulong Hash(PrefixPage? parent, ReadOnlySpan<int> tokens)
    {
        // FNV-1a (Fowler, Noll and Vo 1991) over the tokens, from the parent's hash on; its high bits are folded in.
        ulong hash = parent?.Hash ?? 0xCBF29CE484222325;
        foreach (int token in tokens) hash = (hash ^ (uint)token) * 0x100000001B3;
        return (hash ^ (hash >> 32)) & _hashMask;
    }
}

/// <summary>A full page that later sequences may begin with.</summary>
internal sealed class PrefixPage
{
    private readonly int[] _tokens;

    public PrefixPage(ulong hash, PrefixPage? parent, int[] tokens, int page)
    {
        (Hash, Parent, _tokens, Page) = (hash, parent, tokens, page);
        Use = new LinkedListNode<PrefixPage>(this);
    }

    /// <summary>Of all tokens from the beginning.</summary>
    public ulong Hash { get; }

    /// <summary>The page before it; null for a first one.</summary>
    public PrefixPage? Parent { get; }

    /// <summary>The page in the pool.</summary>
    public int Page { get; }

    /// <summary>Its place in the order of use.</summary>
    public LinkedListNode<PrefixPage> Use { get; }

    /// <summary>Whether it can no longer be found.</summary>
    public bool IsForgotten { get; set; }

    /// <summary>Whether it holds these tokens behind those of <paramref name="parent"/>.</summary>
    public bool Is(PrefixPage? parent, ReadOnlySpan<int> tokens) => ReferenceEquals(Parent, parent) && tokens.SequenceEqual(_tokens);
}
