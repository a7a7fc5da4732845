using System.Runtime.InteropServices;
using Hadal.Autograd;
using Hadal.Models;

namespace Hadal.Inference;

/// <summary>What one sequence computes in a step.</summary>
/// <param name="Sequence">The sequence.</param>
/// <param name="Start">Its first row among the step's tokens.</param>
/// <param name="First">The position of its first token.</param>
/// <param name="Count">Its tokens in this step, drafts included.</param>
/// <param name="LogitsRow">The row of the logits behind its last token that is no draft; -1 if that is not known yet, or not asked for.</param>
/// <param name="Drafts">How many of the tokens are drafts; the logits behind them follow.</param>
internal readonly record struct StepPart(ScheduledSequence Sequence, int Start, int First, int Count, int LogitsRow, int Drafts);

/// <summary>The tokens of one step. Its arrays serve the next step too, as long as they have the right length: decoding allocates none.</summary>
internal sealed class StepBatch
{
    private readonly List<StepPart> _parts = [];
    private int[] _ids = [], _positions = [], _rows = [];
    private SequenceRows[] _sequences = [];
    private KvCache[] _caches = [];
    private int _tokens, _scored;

    public ReadOnlySpan<StepPart> Parts => CollectionsMarshal.AsSpan(_parts);

    /// <summary>Whether every token's logits are needed, so that none are to be picked.</summary>
    public bool ScoresAll => _scored == _tokens;

    /// <summary>Tokens whose logits are needed.</summary>
    public int Scored => _scored;

    public void Clear()
    {
        _parts.Clear();
        (_tokens, _scored) = (0, 0);
    }

    /// <summary>Adds the next tokens of a sequence, and its drafts if these are all.</summary>
    public void Add(ScheduledSequence sequence, int count)
    {
        bool scores = sequence.Sampler is not null && count == sequence.Pending;
        int drafts = scores ? sequence.Drafts.Length : 0;
        _parts.Add(new StepPart(sequence, _tokens, sequence.Cache!.Length, count + drafts, scores ? _scored : -1, drafts));
        _tokens += count + drafts;
        if (scores) _scored += 1 + drafts;
    }

    /// <summary>The tokens for the model.</summary>
    public TokenBatch Tokens()
    {
        Fit(ref _ids, _tokens);
        Fit(ref _positions, _tokens);
        Fit(ref _sequences, _parts.Count);
        Fit(ref _caches, _parts.Count);
        for (int p = 0; p < _parts.Count; p++)
        {
            StepPart part = _parts[p];
            (_sequences[p], _caches[p]) = (new SequenceRows(part.Start, part.Count), part.Sequence.Cache!);
            part.Sequence.TokensAndDrafts.Slice(part.First, part.Count).CopyTo(_ids.AsSpan(part.Start));
            for (int i = 0; i < part.Count; i++) _positions[part.Start + i] = part.First + i;
        }

        return new TokenBatch(_ids, _positions, _sequences, _caches);
    }

    /// <summary>The rows whose logits are needed.</summary>
    public ReadOnlySpan<int> ScoredRows()
    {
        Fit(ref _rows, _scored);
        foreach (StepPart part in _parts)
        {
            for (int i = 0; part.LogitsRow >= 0 && i <= part.Drafts; i++) _rows[part.LogitsRow + i] = part.Start + part.Count - 1 - part.Drafts + i;
        }

        return _rows;
    }

    private static void Fit<T>(ref T[] array, int length)
    {
        if (array.Length != length) array = new T[length];
    }
}
