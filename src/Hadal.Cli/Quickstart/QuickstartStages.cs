using System.Text.Json.Nodes;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Gguf;
using Hadal.Cli.Commands;
using Hadal.Data;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement;
using Hadal.Reinforcement.Line;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Sampling;
using Hadal.Training;

namespace Hadal.Cli.Quickstart;

/// <summary>
/// The stages of quickstart, the R1 line in miniature: a world, a base model, R1-Zero's reinforcement straight on it, fine-tuning of the base on
/// the reinforced model's verified answers, a dense student taught by the same answers, the same student reinforced instead, and the reinforced
/// model in fewer bits. Each model is asked the same held-out problems.
/// </summary>
internal static class QuickstartStages
{
    public const string WorldStage = "world", Base = "base", Zero = "zero", Samples = "samples", Examples = "examples", Tuned = "tuned", Student = "student", Distilled = "distilled",
        StudentZero = "student-zero", Quantised = "quantised";

    /// <summary>The types that the reinforced model is quantised to.</summary>
    public static readonly GgmlType[] QuantisedTypes = [GgmlType.Q8_0, GgmlType.Q4_0];

    /// <summary>The models that are scored, in the order of the report, with what they are.</summary>
    public static readonly (string Name, string Title)[] Scored =
    [
        (Base, "pretrained on the world's text"), (Zero, "GRPO straight on the base"), (Tuned, "the base fine-tuned on zero's verified answers"),
        (Student, "small and dense, pretrained on the same text"), (Distilled, "the student fine-tuned on zero's answers and soft labels"),
        (StudentZero, "GRPO on the student, no teacher"), .. QuantisedTypes.Select(type => ($"{type}", $"zero with weights in {type}")),
    ];

    /// <summary>All stages of a plan.</summary>
    public static IReadOnlyList<LineStage> Of(QuickstartPlan plan) =>
    [
        new LineStage(WorldStage, new JsonObject { ["seed"] = plan.Seed, ["documents"] = plan.Documents }, (context, cancellation) =>
        {
            int vocabulary = World.Write(context.Folder, plan.Seed, plan.Documents, cancellation);
            context.Observer.Message($"{plan.Documents:N0} documents, {vocabulary:N0} tokens in the vocabulary");
            return new StageResult(context.Folder);
        }),
        LineStage.OfRecipe(Base, Pretraining(plan, "pretraining", QuickstartModels.Base, plan.BaseSteps, rate: 2e-2)),
        Score(plan, Base, context => context.Output(Base)),
        LineStage.OfRecipe(Zero, Reinforcement(plan, "GRPO on the base", "${base}", plan.ZeroSteps)),
        Score(plan, Zero, context => context.Output(Zero)),
        LineStage.OfRecipe(Samples, new SamplingRecipe
        {
            Stage = SamplingRecipe.Kind,
            Description = "rejection sampling",
            Output = ".",
            Seed = plan.Seed + 1, // other problems than those of reinforcement
            Model = "${zero}",
            Task = World.TaskOptions,
            Problems = plan.SampleProblems,
            Answers = QuickstartPlan.RepliesPerProblem,
            MaxTokens = plan.MaxTokens,
            Precision = ProductPrecision.BF16,
            LeastExamples = 0, // the next stage knows what to do without
            Keep = new RejectionSampling { MostPerPrompt = QuickstartPlan.RepliesPerProblem },
        }),
        FineTuningExamples.Stage(plan),
        LineStage.OfRecipe(Tuned, FineTuning(plan, "fine-tuning on verified answers", "${base}", plan.TunedSteps)),
        Score(plan, Tuned, context => context.Output(Tuned)),
        LineStage.OfRecipe(Student, Pretraining(plan, "pretraining of the student", QuickstartModels.Student, plan.StudentSteps, rate: 2e-2)),
        Score(plan, Student, context => context.Output(Student)),
        LineStage.OfRecipe(Distilled, FineTuning(plan, "distillation into the student", "${student}", plan.DistilledSteps) with
        {
            Teacher = new TeacherOptions { Model = "${zero}" }, // soft labels beside the answers
        }),
        Score(plan, Distilled, context => context.Output(Distilled)),
        EqualFlops.Stage(plan, steps => Reinforcement(plan, "GRPO on the student", "${student}", steps)),
        Score(plan, StudentZero, context => context.Output(StudentZero)),
        new LineStage(Quantised, new JsonObject { ["of"] = "${zero}", ["types"] = new JsonArray([.. QuantisedTypes.Select(type => JsonValue.Create($"{type}"))]) }, Quantise),
        .. QuantisedTypes.Select(type => Score(plan, $"{type}", context => QuantisedFile(context.Output(Quantised), type))),
    ];

    /// <summary>The stage that scores a model.</summary>
    public static string ScoreOf(string model) => $"score-{model}";

    /// <summary>The file of a quantised model.</summary>
    public static string QuantisedFile(string folder, GgmlType type) => Path.Combine(folder, $"zero-{type}.gguf");

    private static TrainingRecipe Pretraining(QuickstartPlan plan, string description, JsonObject config, int steps, double rate) => new()
    {
        Description = description,
        Output = ".",
        Seed = plan.Seed,
        Model = new ModelSource { Config = config },
        Tokenizer = new TokenizerSource { Path = "${world}/tokenizer", ChatTemplate = "${world}/template.jinja" },
        Data = new DataOptions { Sources = [new DataSource { Path = "${world}/text.txt", Separator = World.EndOfText }], HeldOutFraction = 0.01 },
        Batch = new BatchOptions { Packs = plan.Packs, SequenceLength = QuickstartPlan.SequenceLength },
        Steps = steps,
        Optimizer = new OptimizerOptions { Kind = OptimizerKind.Muon, WeightDecay = 0.01, Muon = new MuonOptions { AdamWLearningRateFactor = 0.5 } },
        LearningRate = new LearningRateOptions
        {
            Kind = LearningRateKind.WarmupStableDecay,
            Peak = rate,
            WarmupSteps = Math.Min(20, steps / 2),
            DecayFraction = 0.5,
            FinalRatio = 0.02,
        },
        Balancing = new BiasUpdateOptions { Speed = 0.01f },
        Objective = new ObjectiveOptions { MtpWeight = 0.1f },
        Evaluation = new EvaluationOptions { Every = 0, Tokens = 20_000 },
        Checkpoints = new CheckpointOptions { Every = CheckpointEvery(steps), Keep = 1 },
    };

    private static TrainingRecipe FineTuning(QuickstartPlan plan, string description, string model, int steps) => new()
    {
        Description = description,
        Output = ".",
        Seed = plan.Seed,
        Model = new ModelSource { Path = model },
        Data = new DataOptions { Sources = [new DataSource { Path = "${examples}", Format = SourceFormat.Chat }] },
        Batch = new BatchOptions { Packs = plan.Packs, SequenceLength = QuickstartPlan.SequenceLength },
        Steps = steps,
        Optimizer = new OptimizerOptions { Kind = OptimizerKind.Muon, WeightDecay = 0, Muon = new MuonOptions { AdamWLearningRateFactor = 0.5 } },
        LearningRate = new LearningRateOptions
        {
            Kind = LearningRateKind.WarmupStableDecay,
            Peak = 4e-3,
            WarmupSteps = Math.Min(4, steps / 2),
            DecayFraction = 0.5,
            FinalRatio = 0.05,
        },
        Balancing = new BiasUpdateOptions { Speed = 0 },
        Evaluation = new EvaluationOptions { Every = 0 },
        Checkpoints = new CheckpointOptions { Every = CheckpointEvery(steps), Keep = 1 },
    };

    private static GroupPolicyRecipe Reinforcement(QuickstartPlan plan, string description, string model, int steps) => new()
    {
        Stage = GroupPolicyRecipeChecks.Stage,
        Description = description,
        Output = ".",
        Seed = plan.Seed,
        Model = model,
        Task = World.TaskOptions,
        Rewards = new RewardFunction { FormatWeight = 0.1 },
        Rollouts = new RolloutOptions { Problems = plan.ZeroProblems, GroupSize = plan.GroupSize, MaxTokens = plan.MaxTokens, Temperature = 1 },
        Policy = new PolicyOptions { Algorithm = PolicyAlgorithm.Grpo, KlWeight = 0, DropGroupsWithoutSignal = true },
        Steps = steps,
        Precision = ProductPrecision.BF16,
        Optimizer = new OptimizerOptions { WeightDecay = 0 },
        // At a constant rate it goes on to fit the problems it asks, and loses some of the others.
        LearningRate = new LearningRateOptions { Kind = LearningRateKind.Cosine, Peak = 2e-4, WarmupSteps = Math.Min(2, steps), FinalRatio = 0.05 },
        Evaluation = new PolicyEvaluationOptions { Every = Math.Max(1, steps / 8), Problems = Math.Min(plan.Problems, 128) },
        Checkpoints = new CheckpointOptions { Every = CheckpointEvery(steps), Keep = 1 },
    };

    // What a kill loses; Ctrl-C loses nothing.
    private static int CheckpointEvery(int steps) => Math.Max(20, steps / 5);

    private static LineStage Score(QuickstartPlan plan, string name, Func<StageContext, string> model)
    {
        JsonObject definition = new()
        {
            ["model"] = name,
            ["problems"] = plan.Problems,
            ["voteProblems"] = plan.VoteProblems,
            ["maxTokens"] = plan.MaxTokens,
            ["seed"] = plan.Seed,
        };
        return new LineStage(ScoreOf(name), definition, (context, cancellation) =>
        {
            string title = Scored.Single(scored => scored.Name == name).Title;
            return new StageResult(new HeldOutEvaluation(plan.Problems, plan.VoteProblems, plan.MaxTokens, plan.Seed).Run(model(context), name, title, context.Folder, cancellation));
        });
    }

    private static StageResult Quantise(StageContext context, CancellationToken cancellation)
    {
        foreach (GgmlType type in QuantisedTypes)
        {
            // One that an interruption left is whole, but may be of a stage that is now redone.
            string file = QuantisedFile(context.Folder, type);
            File.Delete(file);
            ConversionReport report = Conversions.ToGguf(context.Output(Zero), file, type, keepModules: false, cancellation);
            context.Observer.Message($"{type}: {report.BitsPerWeight:F2} bits a weight");
        }

        return new StageResult(context.Folder);
    }
}
