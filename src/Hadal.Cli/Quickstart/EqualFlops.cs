using System.Text.Json.Nodes;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Reinforcement;
using Hadal.Reinforcement.Line;
using Hadal.Training;

namespace Hadal.Cli.Quickstart;

/// <summary>
/// The comparison of R1's section 4.1 (arXiv 2501.12948): a student that is taught against the same student that learns by reinforcement alone.
/// Reinforcement gets the arithmetic that teaching took, the teacher's own samples included.
/// </summary>
internal static class EqualFlops
{
    /// <summary>What a run's arithmetic came to.</summary>
    /// <param name="Sampling">Floating-point operations of drawing tokens, and of other passes forward only.</param>
    /// <param name="Training">Floating-point operations of forward and backward passes.</param>
    /// <param name="Total">All of it.</param>
    public sealed record Spent(double Sampling, double Training, double Total)
    {
        public static Spent Of(double sampling, double training) => new(sampling, training, sampling + training);
    }

    /// <summary>The stage that reinforces the student for as many steps as the arithmetic of teaching allows; at least one.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="recipe">The recipe for a number of steps.</param>
    public static LineStage Stage(QuickstartPlan plan, Func<int, GroupPolicyRecipe> recipe)
    {
        JsonObject definition = JsonNode.Parse(RecipeReader.ToJson(recipe(1)))!.AsObject();
        definition["steps"] = "as many as the arithmetic of ${samples} and ${distilled} allows";
        return new LineStage(QuickstartStages.StudentZero, definition, (context, cancellation) =>
        {
            string student = context.Output(QuickstartStages.Student);
            GroupPolicyRecipe complete = recipe(Steps(plan, context)) with { Model = student, Output = context.Folder };
            using GroupPolicyTraining training = GroupPolicyTraining.Open(complete, context.Observer, context.Resumes);
            TrainingEnd end = training.Run(cancellation);
            return end.Outcome == TrainingOutcome.Completed ? new StageResult(end.Folder, end.Tokens) : throw new OperationCanceledException(cancellation);
        });
    }

    /// <summary>What teaching took: the teacher's samples, its passes for soft labels, and the student's passes.</summary>
    /// <param name="teacher">The teacher.</param>
    /// <param name="sampledTokens">Tokens that it drew.</param>
    /// <param name="student">The student.</param>
    /// <param name="run">The folder of the student's fine-tuning.</param>
    public static Spent Teaching(string teacher, long sampledTokens, string student, string run)
    {
        long trained = Events(run).OfType<StepMetrics>().Sum(step => (long)step.BatchTokens);
        return Spent.Of((sampledTokens + trained) * FlopsOf(teacher).Inference, trained * FlopsOf(student).Training);
    }

    /// <summary>What reinforcement took: its samples, and passes over prompts and responses.</summary>
    /// <param name="student">The student.</param>
    /// <param name="run">The folder of its reinforcement.</param>
    /// <param name="answers">Answers of a step.</param>
    public static Spent Reinforcing(string student, string run, int answers)
    {
        double tokens = Events(run).OfType<PolicyStepMetrics>().Sum(step => step.ResponseTokens * answers);
        int steps = Events(run).OfType<PolicyStepMetrics>().Count();
        ModelFlops flops = FlopsOf(student);
        return Spent.Of(tokens * flops.Inference, (tokens + (double)steps * answers * PromptTokens) * flops.Training);
    }

    private const int PromptTokens = 10;

    // Documents are some sixty tokens long, wherever they stand in a pack.
    private const int DocumentTokens = 60;

    private static int Steps(QuickstartPlan plan, StageContext context)
    {
        string teacher = context.Output(QuickstartStages.Zero), student = context.Output(QuickstartStages.Student);
        Spent teaching = Teaching(teacher, context.Tokens(QuickstartStages.Samples), student, RunOf(context.Output(QuickstartStages.Distilled)));
        ModelFlops flops = FlopsOf(student);

        // Responses grow: they are taken to be as long as before on average with those of the reinforced teacher.
        double tokens = (ResponseTokens(QuickstartStages.Student) + ResponseTokens(QuickstartStages.Zero)) / 2;
        double step = plan.ZeroProblems * plan.GroupSize * (tokens * flops.Inference + (tokens + PromptTokens) * flops.Training);
        return Math.Max(1, (int)Math.Round(teaching.Total / step));

        double ResponseTokens(string model) => RecipeReader.Read<ModelScore>(context.Output(QuickstartStages.ScoreOf(model))).ResponseTokens;
    }

    /// <summary>The folder of the run that a model's folder lies in.</summary>
    public static string RunOf(string model) => Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(model))!;

    private static ModelFlops FlopsOf(string model)
    {
        using Transformer description = ModelReader.Describe(model);
        return ModelFlops.OfSequences(description, DocumentTokens);
    }

    private static IEnumerable<TrainingEvent> Events(string run) => MetricsLog.Read(RunFolder.MetricsOf(run));
}
