namespace Hadal.Reinforcement.Sampling;

/// <summary>What rejection sampling kept and why it turned down the rest: <c>summary.json</c> beside the examples.</summary>
public sealed record SamplingSummary
{
    /// <summary>Problems asked.</summary>
    public int Problems { get; internal set; }

    /// <summary>Answers to all of them.</summary>
    public int Answers { get; internal set; }

    /// <summary>Answers that are right.</summary>
    public int Verified { get; internal set; }

    /// <summary>Answers that the limit of tokens cut off.</summary>
    public int Truncated { get; internal set; }

    /// <summary>Tokens sampled.</summary>
    public long Tokens { get; internal set; }

    /// <summary>Answers kept.</summary>
    public int Kept { get; internal set; }

    /// <summary>Different questions among these.</summary>
    public int KeptQuestions { get; internal set; }

    /// <summary>How many were turned down for each reason, the first that applied.</summary>
    public IReadOnlyDictionary<Rejection, int> Rejected { get; internal set; } = new Dictionary<Rejection, int>();
}
