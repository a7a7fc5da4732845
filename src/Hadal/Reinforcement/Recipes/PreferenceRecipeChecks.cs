using static Hadal.Training.RecipeValidation;

namespace Hadal.Reinforcement;

/// <summary>What can be wrong with a recipe on pairs by itself, before any file is read.</summary>
internal static class PreferenceRecipeChecks
{
    /// <summary>The <c>stage</c> of a <see cref="DirectPreferenceRecipe"/>.</summary>
    public const string DirectPreferenceStage = "dpo";

    /// <summary>The <c>stage</c> of a <see cref="RewardModelRecipe"/>.</summary>
    public const string RewardModelStage = "reward";

    /// <summary>Checks every value that its own type does not check when it is used.</summary>
    /// <exception cref="Hadal.Training.RecipeException">A value can't be; the message names its key.</exception>
    public static void Check(DirectPreferenceRecipe recipe)
    {
        CheckCommon(recipe, DirectPreferenceStage);
        DirectPreferenceOptions options = recipe.Preference;
        Require(options.Beta > 0 && double.IsFinite(options.Beta), "preference.beta", options.Beta, "more than 0");
        Require(options.FlippedShare is >= 0 and < 0.5, "preference.flippedShare", options.FlippedShare, "0 or more and less than a half");
    }

    /// <inheritdoc cref="Check(DirectPreferenceRecipe)"/>
    public static void Check(RewardModelRecipe recipe) => CheckCommon(recipe, RewardModelStage);

    private static void CheckCommon(PreferenceRecipe recipe, string stage)
    {
        StageRecipeChecks.Check(recipe, stage);
        Require(recipe.Steps is null != recipe.Epochs is null, "steps", "it or epochs", "exactly one of both");
        Require(recipe.Steps is null or > 0, "steps", recipe.Steps, "1 or more");
        Require(recipe.Epochs is null or (> 0 and < 1e6), "epochs", recipe.Epochs, "a positive number");
        Require(recipe.Batch.Pairs > 0, "batch.pairs", recipe.Batch.Pairs, "1 or more");
        Require(recipe.Batch.MicroPairs is null or > 0, "batch.microPairs", recipe.Batch.MicroPairs, "1 or more");
        Require(recipe.Data.HeldOutFraction is >= 0 and < 1, "data.heldOutFraction", recipe.Data.HeldOutFraction, "0 or more and less than 1");
        Require(recipe.Data.MaxTokens is null or > 1, "data.maxTokens", recipe.Data.MaxTokens, "2 or more");
        Require(recipe.Evaluation.Every >= 0, "evaluation.every", recipe.Evaluation.Every, "0 or more");
        Require(recipe.Evaluation.Pairs >= 0, "evaluation.pairs", recipe.Evaluation.Pairs, "0 or more");
    }
}
