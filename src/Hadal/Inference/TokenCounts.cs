using System.Runtime.InteropServices;

namespace Hadal.Inference;

/// <summary>How often a sequence has each token, and what that takes from their scores.</summary>
internal sealed class TokenCounts
{
    private readonly Dictionary<int, Count> _counts = [];

    /// <summary>Counts a token of the prompt.</summary>
    public void AddPrompt(int token) => CollectionsMarshal.GetValueRefOrAddDefault(_counts, token, out _).InPrompt++;

    /// <summary>Counts a token of the continuation in, or with -1 out again.</summary>
    public void Add(int token, int times)
    {
        ref Count count = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, token, out _);
        count.Drawn += times;
        if (count is { InPrompt: 0, Drawn: 0 }) _counts.Remove(token);
    }

    /// <summary>Applies repetition, presence and frequency penalty.</summary>
    public void Penalise(Span<float> scores, SamplingOptions options)
    {
        foreach ((int token, Count count) in _counts)
        {
            if (token >= scores.Length) continue;
            float score = scores[token];
            score = score > 0 ? score / options.RepetitionPenalty : score * options.RepetitionPenalty;
            if (count.Drawn > 0) score -= options.PresencePenalty + options.FrequencyPenalty * count.Drawn;
            scores[token] = score;
        }
    }

    private struct Count
    {
        public int InPrompt, Drawn;
    }
}
