using Hadal.Reinforcement.Rewards;

namespace Hadal.Reinforcement.Sampling;

/// <summary>A response that may become training data.</summary>
/// <param name="Prompt">What was asked.</param>
/// <param name="Response">What the model wrote.</param>
/// <param name="Tokens">Its length.</param>
/// <param name="Verified">Whether its answer was checked and found right.</param>
public sealed record SampledResponse(string Prompt, string Response, int Tokens, bool Verified);

/// <summary>Why a response was not kept.</summary>
public enum Rejection
{
    /// <summary>The answer is not right.</summary>
    NotVerified,

    /// <summary>The form is not that of <see cref="ResponseFormat"/>.</summary>
    NotWellFormed,

    /// <summary>It is too long.</summary>
    TooLong,

    /// <summary>Its reasoning mixes languages.</summary>
    MixedLanguages,

    /// <summary>It says the same over and over.</summary>
    Repetitive,

    /// <summary>The same was kept already.</summary>
    Duplicate,

    /// <summary>There are enough responses to this prompt.</summary>
    Enough,
}

/// <summary>
/// Rejection sampling: of many responses to each prompt keep those fit to train on, as for R1's second round of fine-tuning (arXiv
/// 2501.12948, section 2.3.3: only right answers, none with mixed languages, long paragraphs or chaos).
/// </summary>
public sealed record RejectionSampling
{
    /// <summary>Most tokens of a response.</summary>
    public int LongestResponse { get; init; } = int.MaxValue;

    /// <summary>Whether the form is required.</summary>
    public bool RequiresForm { get; init; } = true;

    /// <summary>The language of the reasoning.</summary>
    public WritingSystem Language { get; init; } = WritingSystem.Latin;

    /// <summary>Least share of words in that language; 0 sets no limit.</summary>
    public double LeastLanguageShare { get; init; } = 0.95;

    /// <summary>Words of the runs that are looked for.</summary>
    public int RunLength { get; init; } = 8;

    /// <summary>Largest share of runs that stood in the response before; 1 sets no limit.</summary>
    public double LargestRepeatedShare { get; init; } = 0.3;

    /// <summary>Most responses kept to one prompt.</summary>
    public int MostPerPrompt { get; init; } = 4;

    /// <summary>Sorts responses. The order of what is kept is that of the samples.</summary>
    /// <param name="samples">Responses to any prompts, in any order.</param>
    /// <returns>What is kept, and how many were turned down for each reason, the first that applied.</returns>
    public (IReadOnlyList<SampledResponse> Kept, IReadOnlyDictionary<Rejection, int> Rejected) Select(IEnumerable<SampledResponse> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        List<SampledResponse> kept = [];
        Dictionary<Rejection, int> rejected = [];
        HashSet<(string, string)> seen = [];
        Dictionary<string, int> perPrompt = [];
        foreach (SampledResponse sample in samples)
        {
            int already = perPrompt.GetValueOrDefault(sample.Prompt);
            Rejection? reason = Judge(sample)
                ?? (!seen.Add((sample.Prompt, Words(sample.Response))) ? Rejection.Duplicate : already >= MostPerPrompt ? Rejection.Enough : null);
            if (reason is { } why)
            {
                rejected[why] = rejected.GetValueOrDefault(why) + 1;
                continue;
            }

            kept.Add(sample);
            perPrompt[sample.Prompt] = already + 1;
        }

        return (kept, rejected);
    }

    /// <summary>What is wrong with a response by itself; null if nothing is.</summary>
    public Rejection? Judge(SampledResponse sample)
    {
        ArgumentNullException.ThrowIfNull(sample);
        if (!sample.Verified) return Rejection.NotVerified;
        if (RequiresForm && !ResponseFormat.IsWellFormed(sample.Response)) return Rejection.NotWellFormed;
        if (sample.Tokens > LongestResponse) return Rejection.TooLong;
        double share = LeastLanguageShare > 0 ? LanguageConsistency.Share(ResponseFormat.Reasoning(sample.Response), Language) : 1;
        if (share < LeastLanguageShare) return Rejection.MixedLanguages;
        return Repetition.RepeatedShare(sample.Response, RunLength) > LargestRepeatedShare ? Rejection.Repetitive : null;
    }

    // Responses that differ in blank space alone are the same.
    private static string Words(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
