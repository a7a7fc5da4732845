using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Inference;

/// <summary>
/// Drafts by the first multi-token-prediction module. Its row for position i is made of the model's state there and the token at i + 1,
/// and predicts the token at i + 2; it lies in the sequence's pages, in a layer behind the model's. After every step the module takes in
/// all rows that have become known. Tokens beyond the first are drafted by giving the module its own state instead of the model's; these
/// rows are overwritten when the real ones are known.
/// </summary>
/// <remarks>
/// Samples that fork from a prompt begin with the first sample's row at the prompt's last position, which looks at another token: a
/// draft may be worse for it, never a result.
/// </remarks>
internal sealed class ModuleDrafter(Transformer model, Graph g, MlaForm form) : Drafter(model)
{
    private readonly Transformer _model = model;

    /// <inheritdoc/>
    public override void Draft(StepBatch batch, Tensor hidden, IReadOnlyList<ScheduledSequence> sequences)
    {
        ModuleRows rows = new();
        foreach (ref readonly StepPart part in batch.Parts)
        {
            ScheduledSequence sequence = part.Sequence;
            if (sequence.Cache is not { } cache || sequence.Sampler is null) continue; // ended, or wanted for its states only
            rows.Begin(cache);
            for (int position = part.First; position < cache.Length; position++)
            {
                rows.Add(part.Start + position - part.First, position, sequence.Tokens[position + 1]);
            }

            sequence.ModuleRow = rows.Count - 1;
        }

        if (rows.Count == 0) return;
        List<ScheduledSequence> active = [.. sequences];
        (Tensor states, Tensor normed) = Run(rows, hidden);                                     // [rows, hidden] each
        while (active.Count > 0)
        {
            int[] last = [.. active.Select(sequence => sequence.ModuleRow)];
            Matrix logits = _model.Logits(g, g.Rows(normed, last)).AsMatrix();                  // [active, vocabulary]
            List<ScheduledSequence> further = [];
            rows = new ModuleRows();
            for (int i = 0; i < active.Count; i++)
            {
                ScheduledSequence sequence = active[i];
                if (!DraftOne(sequence, logits.Row(i))) continue;
                further.Add(sequence);
                rows.Begin(sequence.Cache!);
                rows.Add(sequence.ModuleRow, sequence.Cache!.Length + sequence.Drafts.Length - 1, sequence.Drafts[^1]);
                sequence.ModuleRow = rows.Count - 1;
            }

            active = further;
            if (active.Count > 0) (states, normed) = Run(rows, states);
        }

        foreach (ScheduledSequence sequence in sequences) TakeBack(sequence);
    }

    private (Tensor States, Tensor Normed) Run(ModuleRows rows, Tensor states) =>
        _model.ForwardModule(g, g.Rows(states, rows.Sources), rows.Tokens(), form);

    // Rows of one pass of the module, sequence after sequence.
    private sealed class ModuleRows
    {
        private readonly List<int> _sources = [], _positions = [], _next = [];
        private readonly List<SequenceRows> _sequences = [];
        private readonly List<KvCache> _caches = [];

        public int Count => _sources.Count;

        /// <summary>Where each row's state is.</summary>
        public int[] Sources => [.. _sources];

        public void Begin(KvCache cache)
        {
            _caches.Add(cache);
            _sequences.Add(new SequenceRows(Count, 0));
        }

        public void Add(int source, int position, int next)
        {
            _sources.Add(source);
            _positions.Add(position);
            _next.Add(next);
            _sequences[^1] = _sequences[^1] with { Count = _sequences[^1].Count + 1 };
        }

        public TokenBatch Tokens() => new([.. _next], [.. _positions], [.. _sequences], _caches);
    }
}
