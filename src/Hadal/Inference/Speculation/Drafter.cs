using Hadal.Autograd;
using Hadal.Models;

namespace Hadal.Inference;

/// <summary>Guesses the next tokens of sequences, for the model to verify in one pass.</summary>
/// <remarks>
/// A draft is right if the sequence's own sampler draws it from the model's scores. So what is accepted has the model's distribution by
/// construction, whatever drafts. Where the drafter has scores too, it lets the same sampler draw from them, with the same random numbers
/// at the same place: that couples the two draws, and they differ with probability 2 d / (1 + d) at most for a total variation distance d of
/// the two distributions (Bavarian et al. 2020, 2006.04953; Daliri et al. 2024, 2408.07978). Rejection sampling (Leviathan et al. 2023)
/// reaches d, but lets what is drawn depend on the draft.
/// </remarks>
internal abstract class Drafter(Transformer model) : IDisposable
{
    private readonly HashSet<int> _endTokens = [.. model.Config.EosTokenIds];

    /// <summary>Takes in what is known of a step before tokens are drawn behind it, and so before samples fork from their prompt.</summary>
    /// <param name="batch">The step that was just computed.</param>
    /// <param name="hidden">What the model made of its tokens, [tokens, hidden], after the last norm.</param>
    public virtual void TakeIn(StepBatch batch, Tensor hidden)
    {
    }

    /// <summary>Drafts for sequences whose last token is drawn and not yet computed, up to <see cref="ScheduledSequence.DraftRoom"/> tokens for each.</summary>
    /// <param name="batch">The step that was just computed.</param>
    /// <param name="hidden">What the model made of its tokens, [tokens, hidden], after the last norm.</param>
    /// <param name="sequences">The sequences; pages for as many more tokens are reserved.</param>
    public abstract void Draft(StepBatch batch, Tensor hidden, IReadOnlyList<ScheduledSequence> sequences);

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }

    /// <summary>Whether a token ends the text, so that nothing can be drafted behind it.</summary>
    protected bool IsEnd(int token) => _endTokens.Contains(token);

    /// <summary>Lets a sequence's sampler draw a draft. It has observed the drafts before; see <see cref="TakeBack"/>.</summary>
    /// <returns>Whether a further token is wanted.</returns>
    protected bool DraftOne(ScheduledSequence sequence, ReadOnlySpan<float> logits)
    {
        Sampler sampler = sequence.Sampler!;
        int token;
        try
        {
            token = sampler.Next(logits);
        }
        catch (InvalidOperationException)
        {
            return false; // scores that are no numbers are no draft; if the model's are like this too, its own draw says so
        }

        if (IsEnd(token) || token >= model.Config.VocabSize) return false;
        sampler.Observe(token);
        sequence.AddDraft(token);
        return sequence.Drafts.Length < sequence.DraftRoom && !sampler.IsFulfilled;
    }

    /// <summary>Makes a sampler forget the drafts.</summary>
    protected static void TakeBack(ScheduledSequence sequence) => sequence.Sampler!.Rewind(sequence.Sampler.Observed - sequence.Drafts.Length);
}
