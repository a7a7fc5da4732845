namespace Hadal.Cli.Quickstart;

/// <summary>How a model did on held-out problems, once greedily and by vote.</summary>
internal sealed record ModelScore
{
    /// <summary>The stage that made it, or the type of its weights.</summary>
    public required string Model { get; init; }

    /// <summary>What it is, for people.</summary>
    public required string Title { get; init; }

    /// <summary>Its architecture, as its config.json says.</summary>
    public required string Architecture { get; init; }

    /// <summary>Parameters, prediction modules included.</summary>
    public required long Parameters { get; init; }

    /// <summary>Parameters that take part in computing one token.</summary>
    public required long ActiveParameters { get; init; }

    /// <summary>Bytes of its weights on disk.</summary>
    public required long Bytes { get; init; }

    /// <summary>Held-out problems that were answered greedily, one answer each.</summary>
    public required int Problems { get; init; }

    /// <summary>Share of them solved.</summary>
    public required double Greedy { get; init; }

    /// <summary>Share of greedy responses of R1's form.</summary>
    public required double Format { get; init; }

    /// <summary>Mean tokens of a greedy response.</summary>
    public required double ResponseTokens { get; init; }

    /// <summary>Mean lines of a greedy response's thoughts: first steps tried, the depth of its search.</summary>
    public required double SearchLines { get; init; }

    /// <summary>Held-out problems that were answered several times, the first of <see cref="Problems"/>.</summary>
    public required int VoteProblems { get; init; }

    /// <summary>Share of those solved by the one greedy answer.</summary>
    public required double GreedyOnVoteProblems { get; init; }

    /// <summary>Answers to each, at temperature 1.</summary>
    public required int Samples { get; init; }

    /// <summary>Share of right answers among the samples.</summary>
    public required double Sampled { get; init; }

    /// <summary>Share solved by the most frequent of the first k answers, for k of 1, 4, 16, 64.</summary>
    public required IReadOnlyDictionary<int, double> Vote { get; init; }

    /// <summary>Chance that one of k answers is right.</summary>
    public required IReadOnlyDictionary<int, double> Pass { get; init; }

    /// <summary>Tokens drawn in a second.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>Greedy answers to the first problems, for the report.</summary>
    public required IReadOnlyList<ShownAnswer> Shown { get; init; }
}

/// <summary>An answer that the report shows.</summary>
/// <param name="Prompt">What was asked.</param>
/// <param name="Response">What the model wrote behind it.</param>
/// <param name="Correct">Whether the answer is right.</param>
internal sealed record ShownAnswer(string Prompt, string Response, bool Correct);
