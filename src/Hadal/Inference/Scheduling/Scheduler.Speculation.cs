using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Inference;

// Speculative decoding: drafts are further rows of their sequence's part of a step.
public sealed partial class Scheduler
{
    private readonly List<ScheduledSequence> _drafting = [];
    private long _drafted, _accepted, _verifications;

    // Draws behind the last token and then, as long as the draws are what was drafted, behind the drafts. The last draw is new in any case.
    private void Verify(StepPart part, Matrix logits)
    {
        ScheduledSequence sequence = part.Sequence;
        Span<int> drafts = stackalloc int[part.Drafts];
        sequence.Drafts.CopyTo(drafts);
        sequence.DropDrafts();
        int accepted = 0;
        for (int i = 0; ; i++)
        {
            DrawOne(sequence, logits.Row(part.LogitsRow + i));
            if (sequence.IsEnded || i == drafts.Length || sequence.Tokens[^1] != drafts[i]) break;
            accepted++;
        }

        _verifications++;
        _drafted += drafts.Length;
        _accepted += accepted;
        sequence.Pace.Note(drafts.Length, accepted);
        if (sequence.IsEnded) return;

        // What was computed of refused drafts is forgotten before anybody can find it.
        sequence.Cache!.Truncate(sequence.Count - 1);
        sequence.KeepPages(_prefixes);
    }

    // Whoever drew a token and can use more drafts some, as far as there are pages.
    private void Draft(Drafter drafter, Tensor hidden)
    {
        _drafting.Clear();
        SpeculationOptions options = Options.Speculation!;
        foreach (ScheduledSequence sequence in _running)
        {
            if (sequence.Sampler is null || sequence.Pending != 1 || sequence.Count <= sequence.PromptLength) continue;
            int room = Math.Min(options.DraftTokens, sequence.Limit - sequence.Count - 1);
            if (options.IsAdaptive && room > 0) room = sequence.Pace.Next(room);
            while (room > 0 && sequence.Cache!.PagesNeeded(1 + room) > _pool.AvailablePages) room--;
            if (room <= 0) continue;
            sequence.DraftRoom = room;
            sequence.Cache!.Reserve(1 + room);
            _drafting.Add(sequence);
        }

        drafter.Draft(_batch, hidden, _drafting);
    }

    // Nobody gives way for the sake of a draft.
    private void DropDraftsWithoutPages()
    {
        if (_drafter is null) return;
        long needed = 0;
        foreach (ScheduledSequence sequence in _running) needed += sequence.Cache!.PagesNeeded(sequence.Pending + sequence.Drafts.Length);
        if (needed <= _pool.AvailablePages) return;
        foreach (ScheduledSequence sequence in _running)
        {
            sequence.DropDrafts();
            sequence.Cache!.Truncate(sequence.Cache.Length); // pages reserved for drafts go back
        }
    }
}
