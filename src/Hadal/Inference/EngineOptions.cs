using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Inference;

/// <summary>Bounds of an <see cref="InferenceEngine"/> or a <see cref="Scheduler"/>.</summary>
public sealed record EngineOptions
{
    /// <summary>Sequences that are decoded side by side.</summary>
    public int MaxRunning { get; init; } = 32;

    /// <summary>
    /// Requests that may wait while <see cref="MaxRunning"/> run; one more gets an <see cref="EngineBusyException"/>. A request of several
    /// samples counts once for each, at most <see cref="MaxRunning"/> times.
    /// </summary>
    public int MaxQueued { get; init; } = 256;

    /// <summary>Threads for kernels; 0 takes one for each processor.</summary>
    public int Threads { get; init; }

    /// <summary>Most tokens that a sequence may have, prompt and continuation; null leaves it to the model's context and the cache.</summary>
    public int? MaxContext { get; init; }

    /// <summary>
    /// Bytes of the cache that all sequences share; 0 takes half of the memory that is left, and no more than <see cref="MaxRunning"/> whole
    /// contexts need.
    /// </summary>
    public long CacheBytes { get; init; }

    /// <summary>How each number of the cache is stored; null leaves it to <see cref="For"/>.</summary>
    public ElementType? CacheType { get; init; }

    /// <summary>Tokens of prompts that are taken in between two tokens of the others: more is faster, fewer stall the others less.</summary>
    public int PrefillTokens { get; init; } = 256;

    /// <summary>What products do to their factors; null leaves it to <see cref="For"/>.</summary>
    public ProductPrecision? Precision { get; init; }

    /// <summary>
    /// The form of latent attention, of prompts and of what is drawn alike, so that no bit depends on which of the two a token was. Expanded
    /// is the form of training, for the same log-probabilities to the last bit; it computes the keys of the whole past anew for every token.
    /// </summary>
    public MlaForm Form { get; init; } = MlaForm.Absorbed;

    /// <summary>How tokens are drafted to be verified several at a time; null decodes one by one. Results are the same.</summary>
    public SpeculationOptions? Speculation { get; init; }

    /// <summary>Pages beyond which none would be used: what is known of the requests to come.</summary>
    internal long MaxPages { get; init; } = long.MaxValue;

    /// <summary>
    /// The same options with what was left to the model: where matrices are held in blocks, whose products round activations to eight bits
    /// anyway, latent attention is in BF16, its cache and its products; everything else is in F32.
    /// </summary>
    /// <param name="model">The model to be run.</param>
    public EngineOptions For(Transformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        bool narrow = model.Config is DeepSeekConfig && model.HeldArrays.Any(array => array.Value.ElementType.IsBlocked());
        return this with
        {
            Precision = Precision ?? (narrow ? ProductPrecision.BF16 : ProductPrecision.F32),
            CacheType = CacheType ?? (narrow ? ElementType.BF16 : KvCache.StoredAs),
        };
    }

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value makes no sense.</exception>
    public void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxRunning, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(MaxQueued);
        ArgumentOutOfRangeException.ThrowIfNegative(Threads);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxContext ?? 2, 2, nameof(MaxContext));
        ArgumentOutOfRangeException.ThrowIfNegative(CacheBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(PrefillTokens, 1);
        if (Speculation is { } speculation) ArgumentOutOfRangeException.ThrowIfLessThan(speculation.DraftTokens, 1);
    }

    /// <summary>The pool that these options describe for a model.</summary>
    /// <exception cref="ArgumentException">The bytes are fewer than those of one page.</exception>
    internal PagePool CreatePool(ModelConfig config)
    {
        ElementType type = CacheType ?? KvCache.StoredAs;
        int modules = Speculation is { UsesModules: true } ? 1 : 0;
        long pageBytes = PagePool.PageBytes(config, type, modules);
        if (CacheBytes > 0 && CacheBytes < pageBytes)
        {
            throw new ArgumentException($"the cache has {CacheBytes} bytes, expected {pageBytes} or more, those of one page");
        }

        long pages = CacheBytes / pageBytes;
        if (CacheBytes == 0)
        {
            long wanted = (long)MaxRunning * CacheRows.PagesFor(config.MaxPositionEmbeddings);
            pages = Math.Min(wanted, FreeMemory() / 2 / pageBytes);
        }

        return new PagePool(config, (int)Math.Clamp(pages, 1, Math.Min(Math.Max(1, MaxPages), int.MaxValue / PagePool.PageTokens)), type, modules);
    }

    private static long FreeMemory() => Math.Max(0, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet);
}

/// <summary>The queue of an engine is full.</summary>
public sealed class EngineBusyException(int queued) : Exception($"{queued} requests are waiting already, and no more are taken")
{
    /// <summary>Requests that wait.</summary>
    public int Queued => queued;
}
