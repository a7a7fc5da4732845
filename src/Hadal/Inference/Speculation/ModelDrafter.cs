using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Inference;

/// <summary>
/// Drafts by a small model, with a cache of its own for each sequence. It takes in prompts in pieces, and drafts for a sequence only when it
/// has caught up with it. Ids are the same in both vocabularies; one may be padded to more rows than the other.
/// </summary>
internal sealed class ModelDrafter : Drafter
{
    private readonly Transformer _model;
    private readonly Graph _graph;
    private readonly PagePool _pool;
    private readonly EngineOptions _options;

    public ModelDrafter(Transformer target, Transformer model, PagePool targetPool, EngineOptions options, WorkerPool workers)
        : base(target)
    {
        (_model, _options) = (model, options);
        _pool = new PagePool(model.Config, targetPool.Pages, options.CacheType!.Value);
        _graph = new Graph(workers, recording: false) { Precision = options.Precision!.Value };
    }

    /// <inheritdoc/>
    public override void Draft(StepBatch batch, Tensor hidden, IReadOnlyList<ScheduledSequence> sequences)
    {
        List<(ScheduledSequence Sequence, int[] Tokens)> active = [.. CatchUp(sequences)];
        while (active.Count > 0)
        {
            Tensor states = _model.Forward(
                _graph, TokenBatch.Continue([.. active.Select(a => a.Tokens)], [.. active.Select(a => a.Sequence.DraftCache!)]), _options.Form); // [tokens, hidden]
            List<ScheduledSequence> ready = [];
            List<int> last = [];
            for (int i = 0, end = 0; i < active.Count; i++)
            {
                end += active[i].Tokens.Length;
                ScheduledSequence sequence = active[i].Sequence;
                if (sequence.DraftCache!.Length < sequence.Count + sequence.Drafts.Length) continue; // more of the prompt is left
                ready.Add(sequence);
                last.Add(end - 1);
            }

            active = [];
            if (ready.Count == 0) break;
            Matrix logits = _model.Logits(_graph, _graph.Rows(states, [.. last])).AsMatrix();   // [ready, vocabulary]
            for (int i = 0; i < ready.Count; i++)
            {
                if (DraftOne(ready[i], logits.Row(i)) && CanTake(ready[i].Drafts[^1..])) active.Add((ready[i], [ready[i].Drafts[^1]]));
            }

            _graph.Reset();
        }

        _graph.Reset();
        foreach (ScheduledSequence sequence in sequences) TakeBack(sequence);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _graph.Dispose();
        _pool.Dispose();
        base.Dispose();
    }

    // What the caches lack of the sequences' tokens, as far as the step's budget goes.
    private IEnumerable<(ScheduledSequence Sequence, int[] Tokens)> CatchUp(IReadOnlyList<ScheduledSequence> sequences)
    {
        int budget = _options.PrefillTokens;
        foreach (ScheduledSequence sequence in sequences)
        {
            KvCache cache = sequence.DraftCache ??= new KvCache(_pool);

            // Drafts that were refused are forgotten; those that were accepted are where they belong.
            cache.Truncate(Math.Min(cache.Length, sequence.Count - 1));
            int lag = sequence.Count - cache.Length, count = lag == 1 ? 1 : Math.Min(lag, budget);
            if (lag > 1) budget -= count;
            bool fits = sequence.Count + sequence.DraftRoom <= _model.Config.MaxPositionEmbeddings
                && cache.PagesNeeded(lag + sequence.DraftRoom) <= _pool.AvailablePages;
            if (!fits) sequence.EndDraftCache();
            else if (count > 0 && CanTake(sequence.Tokens.Slice(cache.Length, count)))
            {
                // Reserved now for all, so that the next sequence sees what is left.
                cache.Reserve(lag + sequence.DraftRoom);
                yield return (sequence, sequence.Tokens.Slice(cache.Length, count).ToArray());
            }
        }
    }

    private bool CanTake(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
        {
            if (token >= _model.Config.VocabSize) return false;
        }

        return true;
    }
}
