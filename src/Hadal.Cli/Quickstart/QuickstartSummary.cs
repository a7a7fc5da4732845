using System.Globalization;
using Hadal.Checkpoints;
using Hadal.Reinforcement.Line;
using Hadal.Reinforcement.Sampling;
using Hadal.Training;

namespace Hadal.Cli.Quickstart;

/// <summary>Every figure of a quickstart: <c>summary.json</c>, and all that the report shows is taken from it.</summary>
internal sealed record QuickstartSummary
{
    /// <summary>How much of everything was planned.</summary>
    public required QuickstartPlan Plan { get; init; }

    /// <summary>Seconds that all stages took, those before an interruption included.</summary>
    public required double Seconds { get; init; }

    /// <summary>The stages with what they took.</summary>
    public required IReadOnlyList<StageFigures> Stages { get; init; }

    /// <summary>The models and how they did.</summary>
    public required IReadOnlyList<ModelScore> Models { get; init; }

    /// <summary>What R1-Zero's paper says, and what came out here.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>Answers sampled for fine-tuning: how many there were, and how many were kept.</summary>
    public required ExampleFigures Samples { get; init; }

    /// <summary>Floating-point operations of teaching the student, the teacher's samples included.</summary>
    public required EqualFlops.Spent Teaching { get; init; }

    /// <summary>Floating-point operations of reinforcing the same student.</summary>
    public required EqualFlops.Spent Reinforcing { get; init; }

    /// <summary>What the plots show.</summary>
    public required IReadOnlyList<Curve> Curves { get; init; }

    /// <summary>Puts a finished line's figures together.</summary>
    public static QuickstartSummary Of(QuickstartPlan plan, StageLine line)
    {
        ModelScore[] models = [.. QuickstartStages.Scored.Select(scored => RecipeReader.Read<ModelScore>(line.Output(QuickstartStages.ScoreOf(scored.Name))))];
        string student = line.Output(QuickstartStages.Student);
        StageRecord samples = line.Record(QuickstartStages.Samples);
        EqualFlops.Spent teaching = EqualFlops.Teaching(line.Output(QuickstartStages.Zero), samples.Tokens, student, RunOf(line, QuickstartStages.Distilled));
        EqualFlops.Spent reinforcing = EqualFlops.Reinforcing(student, RunOf(line, QuickstartStages.StudentZero), plan.ZeroProblems * plan.GroupSize);
        return new QuickstartSummary
        {
            Plan = plan,
            Seconds = line.Begun.Sum(stage => stage.Seconds),
            Stages = [.. line.Begun.Select(stage => new StageFigures(stage.Name, stage.Seconds, stage.Tokens))],
            Models = models,
            Findings = Finding.Of(models, teaching, reinforcing),
            Samples = RecipeReader.Read<ExampleFigures>(FineTuningExamples.FiguresOf(line.Output(QuickstartStages.Examples))),
            Teaching = teaching,
            Reinforcing = reinforcing,
            Curves =
            [
                .. Pretraining(line, QuickstartStages.Base), .. Pretraining(line, QuickstartStages.Student),
                .. Policy(line, QuickstartStages.Zero), .. Policy(line, QuickstartStages.StudentZero),
            ],
        };
    }

    /// <summary>The score of a model.</summary>
    public ModelScore Model(string name) => Models.Single(model => model.Model == name);

    private static string RunOf(StageLine line, string stage) => EqualFlops.RunOf(line.Output(stage));

    private static IEnumerable<Curve> Pretraining(StageLine line, string stage)
    {
        StepMetrics[] steps = [.. Events<StepMetrics>(line, stage)];
        double[] x = [.. steps.Select(step => (double)step.Step)];
        yield return new Curve(stage, "loss", x, [.. steps.Select(step => step.Loss)]);
        if (steps[0].MtpLoss is not null) yield return new Curve(stage, "mtpLoss", x, [.. steps.Select(step => step.MtpLoss!.Value)]);
    }

    private static IEnumerable<Curve> Policy(StageLine line, string stage)
    {
        PolicyEvaluationMetrics[] held = [.. Events<PolicyEvaluationMetrics>(line, stage)];
        yield return new Curve(stage, "heldOutAccuracy", [.. held.Select(e => (double)e.Step)], [.. held.Select(e => e.Accuracy)]);
        PolicyStepMetrics[] steps = [.. Events<PolicyStepMetrics>(line, stage)];
        double[] x = [.. steps.Select(step => (double)step.Step)];
        yield return new Curve(stage, "accuracy", x, [.. steps.Select(step => step.Accuracy)]);
        yield return new Curve(stage, "responseTokens", x, [.. steps.Select(step => step.ResponseTokens)]);
        yield return new Curve(stage, "groupsWithSignal", x, [.. steps.Select(step => step.GroupsWithSignal)]);
        yield return new Curve(stage, "entropy", x, [.. steps.Select(step => double.IsFinite(step.Entropy) ? step.Entropy : 0)]);
        yield return new Curve(stage, "truncated", x, [.. steps.Select(step => step.Truncated)]);
    }

    private static IEnumerable<T> Events<T>(StageLine line, string stage) => MetricsLog.Read(RunFolder.MetricsOf(RunOf(line, stage))).OfType<T>();
}

/// <summary>What a stage took.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Seconds">Its time.</param>
/// <param name="Tokens">Tokens trained on or sampled.</param>
internal sealed record StageFigures(string Name, double Seconds, long Tokens);

/// <summary>Values of a run by its steps.</summary>
/// <param name="Stage">The run.</param>
/// <param name="Quantity">What is measured.</param>
/// <param name="Step">Steps, ascending.</param>
/// <param name="Value">The values.</param>
internal sealed record Curve(string Stage, string Quantity, IReadOnlyList<double> Step, IReadOnlyList<double> Value);

/// <summary>Something that the papers say, with what came out, whichever way.</summary>
/// <param name="Name">What is compared.</param>
/// <param name="Holds">Whether it came out as in the papers.</param>
/// <param name="Text">The figures in a sentence.</param>
internal sealed record Finding(string Name, bool Holds, string Text)
{
    /// <summary>All findings of a run.</summary>
    public static IReadOnlyList<Finding> Of(IReadOnlyList<ModelScore> models, EqualFlops.Spent teaching, EqualFlops.Spent reinforcing)
    {
        ModelScore basis = Model(QuickstartStages.Base), zero = Model(QuickstartStages.Zero), tuned = Model(QuickstartStages.Tuned);
        ModelScore distilled = Model(QuickstartStages.Distilled), alone = Model(QuickstartStages.StudentZero);
        ModelScore q8 = Model($"{QuickstartStages.QuantisedTypes[0]}"), q4 = Model($"{QuickstartStages.QuantisedTypes[1]}");
        return
        [
            new("GRPO straight on the base raises accuracy", zero.Greedy > basis.Greedy, Said(
                $"from {basis.Greedy:P1} to {zero.Greedy:P1} of {zero.Problems} held-out problems, {100 * (zero.Greedy - basis.Greedy):+0.0;-0.0} points")),
            new("It raises the length of responses", zero.ResponseTokens > basis.ResponseTokens, Said(
                $"from {basis.ResponseTokens:F1} to {zero.ResponseTokens:F1} tokens")),
            new("It raises the depth of the search", zero.SearchLines > basis.SearchLines, Said(
                $"from {basis.SearchLines:F2} to {zero.SearchLines:F2} first steps tried")),
            new("A vote over 64 answers beats one greedy answer, before", Vote(basis) > basis.GreedyOnVoteProblems, Voted(basis)),
            new("A vote over 64 answers beats one greedy answer, after", Vote(zero) > zero.GreedyOnVoteProblems, Voted(zero)),
            new("Fine-tuning the base on verified answers raises accuracy", tuned.Greedy > basis.Greedy, Said($"from {basis.Greedy:P1} to {tuned.Greedy:P1}")),
            new("The taught student beats the student of RL alone", distilled.Greedy > alone.Greedy, Said(
                $"{distilled.Greedy:P1} after {teaching.Total:0.00e0} floating-point operations, {alone.Greedy:P1} after {reinforcing.Total:0.00e0}")),
            new("Eight bits a weight cost no more than 2 points", q8.Greedy >= zero.Greedy - 0.02, Said($"{zero.Greedy:P1} before, {q8.Greedy:P1} in {q8.Model}")),
            new("Four bits a weight cost no more than 10 points", q4.Greedy >= zero.Greedy - 0.1, Said($"{zero.Greedy:P1} before, {q4.Greedy:P1} in {q4.Model}")),
        ];

        ModelScore Model(string name) => models.Single(model => model.Model == name);
    }

    private static double Vote(ModelScore model) => model.Vote[HeldOutEvaluation.Samples];

    private static string Voted(ModelScore model) =>
        Said($"{Vote(model):P1} by vote, {model.GreedyOnVoteProblems:P1} greedily, of the same {model.VoteProblems} problems");

    private static string Said(FormattableString text) => text.ToString(s_numbers);

    // As Quantity.Percent writes shares.
    private static readonly CultureInfo s_numbers = new("") { NumberFormat = { PercentPositivePattern = 0, PercentNegativePattern = 0 } };
}
