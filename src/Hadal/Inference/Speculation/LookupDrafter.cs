using Hadal.Autograd;
using Hadal.Models;

namespace Hadal.Inference;

/// <summary>Drafts what followed the last tokens where they stood last: good where an answer repeats its prompt, and nearly free.</summary>
internal sealed class LookupDrafter(Transformer model) : Drafter(model)
{
    private const int LongestMatch = 4, ShortestMatch = 2;

    /// <inheritdoc/>
    public override void Draft(StepBatch batch, Tensor hidden, IReadOnlyList<ScheduledSequence> sequences)
    {
        foreach (ScheduledSequence sequence in sequences)
        {
            // Copied, since drafts are written behind the tokens.
            foreach (int token in Continuation(sequence.Tokens).ToArray())
            {
                if (IsEnd(token) || sequence.Drafts.Length == sequence.DraftRoom) break;
                sequence.AddDraft(token);
            }
        }
    }

    /// <summary>What stands behind the last earlier place of the longest suffix that has one.</summary>
    internal static ReadOnlySpan<int> Continuation(ReadOnlySpan<int> tokens)
    {
        for (int length = Math.Min(LongestMatch, tokens.Length - 1); length >= ShortestMatch; length--)
        {
            int at = tokens[..^1].LastIndexOf(tokens[^length..]);
            if (at >= 0) return tokens[(at + length)..];
        }

        return [];
    }
}
