using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>What a recipe of reinforcement learning asks for beside the run of a stage: task, prompts, rewards, reference, sampler.</summary>
internal sealed class PreparedPolicyRun : IDisposable
{
    private PreparedPolicyRun(GroupPolicyRecipe recipe, StageRun stage)
    {
        (Recipe, Stage) = (recipe, stage);
        try
        {
            Task = recipe.Task.Create();
            HeldOut = recipe.Evaluation.Problems == 0 ? [] : Task.HeldOut(recipe.Evaluation.Problems);
            Prompts = new PromptWriter(recipe.Prompt, stage.Tokenizer);
            Rewards = recipe.Rewards with { ThinkOpened = Prompts.OpensThinking };
            if (recipe.Policy.KlWeight > 0) Reference = ModelReader.Read(recipe.Model, stage.MatrixType);
            Sampler = new RolloutSampler(stage.Model, stage.Tokenizer, stage.Workers, Prompts) { Precision = recipe.Precision };
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public GroupPolicyRecipe Recipe { get; }

    public StageRun Stage { get; }

    public VerifiableTask Task { get; }

    public IReadOnlyList<Problem> HeldOut { get; }

    public PromptWriter Prompts { get; }

    public RewardFunction Rewards { get; }

    public Transformer? Reference { get; }

    public RolloutSampler Sampler { get; }

    /// <summary>Opens the folder and makes everything.</summary>
    public static PreparedPolicyRun Open(GroupPolicyRecipe recipe, ITrainingObserver observer, bool resume)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        GroupPolicyRecipeChecks.Check(recipe);
        return new PreparedPolicyRun(recipe, StageRun.Open(recipe, observer, resume));
    }

    public string Transcript(Rollout rollout) => Prompts.Text(rollout.Problem.Prompt) + rollout.Text;

    public void Dispose()
    {
        Reference?.Dispose();
        Stage.Dispose();
    }
}
