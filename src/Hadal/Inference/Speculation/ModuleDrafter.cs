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
/// Samples that fork from a prompt share its rows but the last, which looks at the token that each has drawn: they make it of the state that
/// the prompt left behind, in their own copy of its page. Where the prompt fills its last page nobody copies it, and the row is the first
/// sample's: a draft may be worse for it, never a result.
/// </remarks>
internal sealed class ModuleDrafter(Transformer model, Graph g, MlaForm form) : Drafter(model)
{
    private readonly Transformer _model = model;

    /// <inheritdoc/>
    public override void TakeIn(StepBatch batch, Tensor hidden)
    {
        ModuleRows rows = new();
        foreach (ref readonly StepPart part in batch.Parts)
        {
            ScheduledSequence sequence = part.Sequence;
            ScheduledRequest request = sequence.Request;
            if (request.Sequences.Length == 1 || sequence.Sample > 0 || sequence.Count > sequence.PromptLength) continue;
            AddKnown(rows, part);
            if (part.LogitsRow >= 0) request.PromptState = hidden.AsMatrix().Row(part.Start + part.Count - 1).ToArray();
        }

        if (rows.Count > 0) Run(rows, hidden);
    }

    /// <inheritdoc/>
    public override void Draft(StepBatch batch, Tensor hidden, IReadOnlyList<ScheduledSequence> sequences)
    {
        ModuleRows rows = new();
        List<float[]> earlier = []; // states that are no longer among the step's
        foreach (ref readonly StepPart part in batch.Parts)
        {
            ScheduledSequence sequence = part.Sequence;
            if (sequence.Cache is null || sequence.Sampler is null) continue; // ended, or wanted for its states only
            if (sequence.ModuleLength < part.First)
            {
                // The first step of a sample that has forked.
                if (sequence.PromptLength % PagePool.PageTokens != 0)
                {
                    rows.Add(sequence.Cache, hidden.AsMatrix().Rows + earlier.Count, sequence.ModuleLength, sequence.Tokens[part.First]);
                    earlier.Add(sequence.Request.PromptState!);
                }

                sequence.ModuleLength = part.First;
            }

            AddKnown(rows, part);
            sequence.ModuleRow = rows.Count - 1;
        }

        if (rows.Count == 0) return;
        List<ScheduledSequence> active = [.. sequences];
        (Tensor states, Tensor normed) = Run(rows, With(hidden, earlier));                                   // [rows, hidden] each
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
                rows.Add(sequence.Cache!, sequence.ModuleRow, sequence.Cache!.Length + sequence.Drafts.Length - 1, sequence.Drafts[^1]);
                sequence.ModuleRow = rows.Count - 1;
            }

            active = further;
            if (active.Count > 0) (states, normed) = Run(rows, states);
        }

        foreach (ScheduledSequence sequence in sequences) TakeBack(sequence);
    }

    // Adds a part's rows whose next token is known by now.
    private static void AddKnown(ModuleRows rows, StepPart part)
    {
        ScheduledSequence sequence = part.Sequence;
        for (int known = Math.Min(sequence.Cache!.Length, sequence.Count - 1); sequence.ModuleLength < known; sequence.ModuleLength++)
        {
            int position = sequence.ModuleLength;
            rows.Add(sequence.Cache, part.Start + position - part.First, position, sequence.Tokens[position + 1]);
        }
    }

    private static Tensor With(Tensor hidden, List<float[]> earlier)
    {
        if (earlier.Count == 0) return hidden;
        Matrix states = hidden.AsMatrix();
        Tensor all = Tensor.Create(new Shape(states.Rows + earlier.Count, states.Columns));
        hidden.Span.CopyTo(all.Span);
        for (int i = 0; i < earlier.Count; i++) earlier[i].CopyTo(all.AsMatrix().Row(states.Rows + i));
        return all;
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

        public void Add(KvCache cache, int source, int position, int next)
        {
            if (_caches.Count == 0 || !ReferenceEquals(_caches[^1], cache))
            {
                _caches.Add(cache);
                _sequences.Add(new SequenceRows(Count, 0));
            }

            _sources.Add(source);
            _positions.Add(position);
            _next.Add(next);
            _sequences[^1] = _sequences[^1] with { Count = _sequences[^1].Count + 1 };
        }

        public TokenBatch Tokens() => new([.. _next], [.. _positions], [.. _sequences], _caches);
    }
}
