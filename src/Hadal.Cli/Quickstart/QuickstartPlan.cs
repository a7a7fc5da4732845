namespace Hadal.Cli.Quickstart;

/// <summary>What was asked for.</summary>
/// <param name="Budget">Time for everything.</param>
/// <param name="Output">The folder.</param>
/// <param name="Seed">Decides world, weights, samples.</param>
/// <param name="Smoke">Whether only to see that every part runs: sizes that teach nothing.</param>
internal sealed record QuickstartOptions(TimeSpan Budget, string Output, int Seed, bool Smoke);

/// <summary>
/// How much of everything there is: made once from the budget and the machine's measured rates, and kept in the output folder, so that a
/// run that is stopped goes on by the same plan. The same plan and seed give the same bits.
/// </summary>
internal sealed record QuickstartPlan
{
    // Shares of the budget; what is left over goes into starting, saving and the report.
    private const double BaseShare = 0.40, ZeroShare = 0.16, ScoreShare = 0.10, SampleShare = 0.03, TunedShare = 0.03, StudentShare = 0.05, DistilledShare = 0.03;

    // What a mean response is taken to have; the policy's grow during reinforcement, samples of the reinforced model are long.
    private const int ResponseTokens = 60, PromptTokens = 10, TokensPerDocument = 70, ScoredModels = 8, KeptOfProblem = 2;

    /// <summary>Tokens of a pack in pretraining and fine-tuning.</summary>
    public const int SequenceLength = 256;

    /// <summary>Decides everything random.</summary>
    public required int Seed { get; init; }

    /// <summary>The budget.</summary>
    public required double BudgetMinutes { get; init; }

    /// <summary>Whether this is the smoke test.</summary>
    public bool Smoke { get; init; }

    /// <summary>Tokens that pretraining was measured to take a second.</summary>
    public double TrainedTokensPerSecond { get; init; }

    /// <summary>Tokens that sampling was measured to draw a second.</summary>
    public double SampledTokensPerSecond { get; init; }

    /// <summary>Documents of the world.</summary>
    public required int Documents { get; init; }

    /// <summary>Packs of a step of pretraining.</summary>
    public required int Packs { get; init; }

    /// <summary>Steps of pretraining.</summary>
    public required int BaseSteps { get; init; }

    /// <summary>Problems of a step of reinforcement.</summary>
    public required int ZeroProblems { get; init; }

    /// <summary>Answers to each.</summary>
    public required int GroupSize { get; init; }

    /// <summary>Steps of reinforcement.</summary>
    public required int ZeroSteps { get; init; }

    /// <summary>Problems that the reinforced model answers for fine-tuning data.</summary>
    public required int SampleProblems { get; init; }

    /// <summary>Steps of fine-tuning on these answers.</summary>
    public required int TunedSteps { get; init; }

    /// <summary>Steps of pretraining the student.</summary>
    public required int StudentSteps { get; init; }

    /// <summary>Steps of fine-tuning the student on the teacher's answers.</summary>
    public required int DistilledSteps { get; init; }

    /// <summary>Held-out problems.</summary>
    public required int Problems { get; init; }

    /// <summary>Of these, problems that are voted on.</summary>
    public required int VoteProblems { get; init; }

    /// <summary>Most tokens of an answer.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>The plan for a budget on a machine of known rates.</summary>
    public static QuickstartPlan Of(QuickstartOptions options, MachineRates rates)
    {
        double seconds = options.Budget.TotalSeconds;
        double stepTokens = 16 * SequenceLength, groups = 16 * 16;
        int baseSteps = Steps(BaseShare * seconds * rates.TrainedTokensPerSecond / stepTokens, 30);
        double zeroStep = groups * ResponseTokens / rates.SampledTokensPerSecond + groups * (ResponseTokens + PromptTokens) / rates.TrainedTokensPerSecond;
        double answersPerModel = ScoreShare * seconds * rates.SampledTokensPerSecond / ResponseTokens / ScoredModels;
        int problems = 512;
        int sampleProblems = Steps(SampleShare * seconds * rates.SampledTokensPerSecond / ResponseTokens / RepliesPerProblem, 32);

        // A step of fine-tuning sees the answers at most four times.
        double epoch = sampleProblems * KeptOfProblem * (double)(ResponseTokens + PromptTokens) / stepTokens;
        return new QuickstartPlan
        {
            Seed = options.Seed,
            BudgetMinutes = options.Budget.TotalMinutes,
            TrainedTokensPerSecond = Math.Round(rates.TrainedTokensPerSecond),
            SampledTokensPerSecond = Math.Round(rates.SampledTokensPerSecond),
            Documents = Steps(baseSteps * stepTokens / TokensPerDocument, 4000),
            Packs = 16,
            BaseSteps = baseSteps,
            ZeroProblems = 16,
            GroupSize = 16,
            ZeroSteps = Steps(ZeroShare * seconds / zeroStep, 4),
            SampleProblems = sampleProblems,
            TunedSteps = Math.Min(Steps(TunedShare * seconds * rates.TrainedTokensPerSecond / stepTokens, 8), Steps(4 * epoch, 8)),
            StudentSteps = Steps(StudentShare * seconds * StudentSpeed * rates.TrainedTokensPerSecond / stepTokens, 20),
            DistilledSteps = Math.Min(Steps(DistilledShare * seconds * StudentSpeed * rates.TrainedTokensPerSecond / stepTokens, 8), Steps(4 * epoch, 8)),
            Problems = problems,
            VoteProblems = Math.Clamp((int)((answersPerModel - problems) / HeldOutEvaluation.Samples), 8, 256),
            MaxTokens = 320,
        };
    }

    /// <summary>Answers that are sampled to each problem for fine-tuning.</summary>
    public const int RepliesPerProblem = 4;

    // How much faster the student passes than the model that was measured.
    private const double StudentSpeed = 2;

    /// <summary>The plan of the smoke test: every part, as little as can be, the same on every machine.</summary>
    public static QuickstartPlan OfSmoke(QuickstartOptions options) => new()
    {
        Seed = options.Seed,
        BudgetMinutes = options.Budget.TotalMinutes,
        Smoke = true,
        Documents = 600,
        Packs = 4,
        BaseSteps = 24,
        ZeroProblems = 4,
        GroupSize = 4,
        ZeroSteps = 2,
        SampleProblems = 16,
        TunedSteps = 2,
        StudentSteps = 24,
        DistilledSteps = 2,
        Problems = 16,
        VoteProblems = 2,
        MaxTokens = 64,
    };

    private static int Steps(double planned, int least) => (int)Math.Clamp(planned, least, 1e6);
}

/// <summary>What the machine was measured to do with quickstart's model.</summary>
/// <param name="TrainedTokensPerSecond">Tokens of pretraining.</param>
/// <param name="SampledTokensPerSecond">Tokens drawn, many sequences side by side.</param>
internal sealed record MachineRates(double TrainedTokensPerSecond, double SampledTokensPerSecond);
