using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Reinforcement.Environments;
using Hadal.Reinforcement.Preferences;
using Hadal.Reinforcement.Rollouts;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>What a recipe of PPO asks for beside the run of a stage: the environment, and the reference if there is one.</summary>
internal sealed class PreparedProximalRun : IDisposable
{
    private PreparedProximalRun(ProximalPolicyRecipe recipe, StageRun stage)
    {
        (Recipe, Stage) = (recipe, stage);
        try
        {
            PromptStyle style = recipe.Prompt ?? (recipe.RewardModel is null ? PromptStyle.Plain : PromptWriter.StyleOf(stage.Tokenizer));
            PromptWriter prompts = new(style, stage.Tokenizer);
            RolloutSampler sampler = new(stage.Model, stage.Tokenizer, stage.Workers, prompts) { Precision = recipe.Precision };
            Environment = recipe.RewardModel is { } options
                ? Preferred(options, prompts, sampler)
                : new VerifiedEnvironment(recipe.Task!.Create(), recipe.Rewards, prompts, sampler, recipe.Seed, recipe.Evaluation.Problems);
            if (recipe.Policy.KlWeight > 0) Reference = ModelReader.Read(recipe.Model, stage.MatrixType);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ProximalPolicyRecipe Recipe { get; }

    public StageRun Stage { get; }

    public IPolicyEnvironment Environment { get; }

    /// <summary>The model that the run began with; null if nothing ties the policy to it.</summary>
    public Transformer? Reference { get; }

    /// <summary>Opens the folder and makes everything.</summary>
    public static PreparedProximalRun Open(ProximalPolicyRecipe recipe, ITrainingObserver observer, bool resume)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ProximalPolicyRecipeChecks.Check(recipe);
        return new PreparedProximalRun(recipe, StageRun.Open(recipe, observer, resume, ValueHead.WithPolicy));
    }

    public void Dispose()
    {
        // Missing if making the run failed half way.
        Environment?.Dispose();
        Reference?.Dispose();
        Stage.Dispose();
    }

    private PreferredEnvironment Preferred(RewardModelOptions options, PromptWriter prompts, RolloutSampler sampler)
    {
        RewardModel judge = RewardModel.Load(options.Path, Stage.Workers, Recipe.Prompt);
        try
        {
            PreferredEnvironment environment = new(options, judge, prompts, sampler, Recipe.Seed, Recipe.Evaluation.Problems);
            Stage.ReadsData(environment.Fingerprint, options.Prompts);
            return environment;
        }
        catch
        {
            judge.Dispose();
            throw;
        }
    }
}
