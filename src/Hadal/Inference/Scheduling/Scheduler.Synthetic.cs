using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Inference;

// What measurements need: a long past without the hours of computing it, and a look at what a step computes.
public sealed partial class Scheduler
{
    /// <summary>Sees intermediate results of the steps; see <see cref="Transformer.Forward"/>.</summary>
    internal ForwardProbe? Probe { get; set; }

    /// <summary>
    /// Keeps pages of random numbers as if they had been computed for a text, so that a request that begins with it starts behind them.
    /// </summary>
    /// <param name="workers">Threads that compute.</param>
    /// <param name="tokens">The text; only its full pages are kept.</param>
    /// <param name="seed">Decides the numbers.</param>
    internal void KeepSynthetic(WorkerPool workers, ReadOnlySpan<int> tokens, int seed)
    {
        CacheRowFormat format = _pool.Format;
        using NativeBuffer memory = new((long)PagePool.PageTokens * (format.FirstElements + format.SecondElements) * sizeof(float));
        Matrix first = new(memory, ElementType.F32, 0, PagePool.PageTokens, format.FirstElements);
        Matrix second = new(memory, ElementType.F32, (long)PagePool.PageTokens * format.FirstElements, PagePool.PageTokens, format.SecondElements);
        Random random = new(seed);
        foreach (ref float x in memory.AsSpan<float>(0, (int)(memory.ByteLength / sizeof(float)))) x = 2 * random.NextSingle() - 1;

        PrefixPage? last = null;
        for (int start = 0; start + PagePool.PageTokens <= tokens.Length; start += PagePool.PageTokens)
        {
            int page = _pool.Rent();
            for (int layer = 0; layer < Model.Config.NumHiddenLayers; layer++)
            {
                CacheRows rows = new(_pool.Layer(layer), format, new[] { page }, PagePool.PageTokens);
                CacheRows.Store(workers, [new AttentionSequence(0, PagePool.PageTokens, rows)], first, second);
            }

            last = _prefixes.Keep(last, tokens.Slice(start, PagePool.PageTokens), page);
            _pool.Return(page);
        }
    }
}
