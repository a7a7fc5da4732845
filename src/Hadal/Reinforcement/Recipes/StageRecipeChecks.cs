using static Hadal.Training.RecipeValidation;

namespace Hadal.Reinforcement;

/// <summary>What can be wrong with the recipe of any stage by itself.</summary>
internal static class StageRecipeChecks
{
    /// <summary>Checks what all stages share.</summary>
    /// <exception cref="Hadal.Training.RecipeException">A value can't be; the message names its key.</exception>
    public static void Check(StageRecipe recipe, string stage)
    {
        Require(recipe.Stage == stage, "stage", recipe.Stage, stage);
        Require(recipe.Checkpoints.Every >= 0, "checkpoints.every", recipe.Checkpoints.Every, "0 or more");
        Require(recipe.Checkpoints.Keep > 0, "checkpoints.keep", recipe.Checkpoints.Keep, "1 or more");
    }

    /// <summary>Checks the sampling of responses.</summary>
    /// <exception cref="Hadal.Training.RecipeException">A value can't be; the message names its key.</exception>
    public static void Check(RolloutOptions rollouts)
    {
        Require(rollouts.Problems > 0, "rollouts.problems", rollouts.Problems, "1 or more");
        Require(rollouts.MaxTokens > 0, "rollouts.maxTokens", rollouts.MaxTokens, "1 or more");
        Require(rollouts.Temperature > 0 && float.IsFinite(rollouts.Temperature), "rollouts.temperature", rollouts.Temperature, "more than 0");
    }
}
