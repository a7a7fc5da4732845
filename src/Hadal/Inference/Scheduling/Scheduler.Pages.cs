using System.Diagnostics;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Inference;

// Who is let in, and who has to give way.
public sealed partial class Scheduler
{
    // Every running sequence gets the page for its next token, the oldest first.
    private void PlanRunning()
    {
        DropDraftsWithoutPages();
        for (int i = 0; i < _running.Count; i++)
        {
            ScheduledSequence sequence = _running[i];
            while (sequence.IsRunning && sequence.Cache!.PagesNeeded(sequence.Pending) > _pool.AvailablePages) Preempt();
            if (sequence.IsRunning) sequence.Cache!.Reserve(sequence.Pending + sequence.Drafts.Length);
        }
    }

    // The order of arrival is kept: where the first can't come in, nobody does, so that large requests are not overtaken for ever.
    private void Admit()
    {
        while (_running.Count < Options.MaxRunning && _waiting.TryPeek(out ScheduledSequence? next, out _))
        {
            if (!next.IsEnded && !TryBegin(next)) return;
            _waiting.Dequeue();
        }
    }

    private bool TryBegin(ScheduledSequence sequence)
    {
        if (sequence.Cache is null)
        {
            sequence.Begin(_pool, _prefixes, _foundPages, hasModule: _drafter is ModuleDrafter);
            if (IsBeingComputed(sequence))
            {
                sequence.Release(_prefixes);
                return false;
            }
        }

        while (PagesToBegin(sequence) > _pool.AvailablePages)
        {
            // With nobody running, only samples that wait can hold what is missing.
            if (_running.Count == 0 && _parked.Count > 0 && !ReferenceEquals(YoungestParked(), sequence))
            {
                Unpark(YoungestParked());
                continue;
            }

            if (!_parked.Contains(sequence)) sequence.Release(_prefixes);
            Debug.Assert(_running.Count > 0 || _parked.Count > 0, "alone, a request that was accepted fits");
            return false;
        }

        int cached = sequence.Cache!.Length;
        sequence.Cache.Reserve(sequence.Pending);
        _parked.Remove(sequence);
        sequence.IsRunning = true;
        _waitingCount--;
        int at = _running.Count;
        while (at > 0 && _running[at - 1].Order > sequence.Order) at--;
        _running.Insert(at, sequence);
        if (!sequence.Request.IsBegun) NoteBeginning(sequence, cached);
        return true;
    }

    // Whether a prompt under way has more pages in common with it than are kept yet: waiting for them costs less than computing them twice.
    private bool IsBeingComputed(ScheduledSequence sequence)
    {
        if (sequence.Request.StateSum is not null) return false;
        int found = sequence.Cache!.Length / PagePool.PageTokens, findable = (sequence.Count - 1) / PagePool.PageTokens;
        foreach (ScheduledSequence running in _running)
        {
            if (running.Pending <= 1) continue;
            int common = sequence.Tokens.CommonPrefixLength(running.Tokens) / PagePool.PageTokens;
            if (Math.Min(common, findable) > found) return true;
        }

        return false;
    }

    // Its tokens and one page more, if it can come to need one.
    private static int PagesToBegin(ScheduledSequence sequence)
    {
        int needed = sequence.Cache!.PagesNeeded(sequence.Pending);
        return CacheRows.PagesFor(sequence.Count) < CacheRows.PagesFor(sequence.Limit) ? needed + 1 : needed;
    }

    private void NoteBeginning(ScheduledSequence sequence, int cached)
    {
        sequence.Request.IsBegun = true;
        sequence.Request.CachedTokens = cached;
        _promptTokens += sequence.PromptLength;
        _cachedTokens += cached;
        if (cached > 0) _prefixHits++;
    }

    // Pieces of prompts share a budget, the oldest first; who has one token to compute is never held up.
    private void PlanTokens()
    {
        int budget = Options.PrefillTokens;
        foreach (ScheduledSequence sequence in _running)
        {
            int count = sequence.Pending == 1 ? 1 : Math.Min(sequence.Pending, budget);
            if (count == 0) continue;
            if (sequence.Pending > 1) budget -= count;
            _batch.Add(sequence, count);
        }
    }

    // The youngest of all that hold pages gives them back.
    private void Preempt()
    {
        ScheduledSequence youngest = _running[^1];
        if (_parked.Count > 0 && YoungestParked() is { } parked && parked.Order > youngest.Order)
        {
            Unpark(parked);
            return;
        }

        if (_running.Count == 1 && _parked.Count == 0) throw new InvalidOperationException("a single sequence has outgrown all pages");
        if (_parked.Count > 0 && _running.Count == 1)
        {
            Unpark(YoungestParked());
            return;
        }

        _running.RemoveAt(_running.Count - 1);
        youngest.IsRunning = false;
        youngest.Release(_prefixes);
        _waitingCount++;
        _waiting.Enqueue(youngest, youngest.Order);
        _preemptions++;
    }

    // A sample that has begun waits for its turn, and keeps its share of the prompt's pages as long as nobody needs them.
    private void Park(ScheduledSequence sequence)
    {
        _parked.Add(sequence);
        _waiting.Enqueue(sequence, sequence.Order);
    }

    private void Unpark(ScheduledSequence sequence)
    {
        _parked.Remove(sequence);
        sequence.Release(_prefixes);
    }

    private ScheduledSequence YoungestParked()
    {
        ScheduledSequence youngest = _parked[0];
        foreach (ScheduledSequence sequence in _parked)
        {
            if (sequence.Order > youngest.Order) youngest = sequence;
        }

        return youngest;
    }
}
