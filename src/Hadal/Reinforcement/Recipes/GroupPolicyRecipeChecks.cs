using static Hadal.Training.RecipeValidation;

namespace Hadal.Reinforcement;

/// <summary>What can be wrong with a recipe of reinforcement learning by itself, before any file is read.</summary>
internal static class GroupPolicyRecipeChecks
{
    /// <summary>The recipe's <c>stage</c>.</summary>
    public const string Stage = "grpo";

    /// <summary>Checks every value that its own type does not check when it is used.</summary>
    /// <exception cref="Hadal.Training.RecipeException">A value can't be; the message names its key.</exception>
    public static void Check(GroupPolicyRecipe recipe)
    {
        StageRecipeChecks.Check(recipe, Stage);
        StageRecipeChecks.Check(recipe.Rollouts);
        Require(recipe.Steps > 0, "steps", recipe.Steps, "1 or more");
        Require(recipe.Rollouts.GroupSize > 1, "rollouts.groupSize", recipe.Rollouts.GroupSize, "2 or more, since responses are compared with their group");
        Require(recipe.Policy.ClipLow is null or (> 0 and < 1), "policy.clipLow", recipe.Policy.ClipLow, "between 0 and 1");
        Require(recipe.Policy.ClipHigh is null or > 0, "policy.clipHigh", recipe.Policy.ClipHigh, "more than 0");
        Require(recipe.Policy.KlWeight >= 0 && double.IsFinite(recipe.Policy.KlWeight), "policy.klWeight", recipe.Policy.KlWeight, "0 or more");
        Require(recipe.Policy.SamplingRounds is null or > 0, "policy.samplingRounds", recipe.Policy.SamplingRounds, "1 or more");
        Require(recipe.Policy.Updates > 0, "policy.updates", recipe.Policy.Updates, "1 or more");
        Require(recipe.Policy.MicroResponses > 0, "policy.microResponses", recipe.Policy.MicroResponses, "1 or more");
        Require(recipe.Policy.BalancingSpeed >= 0 && float.IsFinite(recipe.Policy.BalancingSpeed), "policy.balancingSpeed", recipe.Policy.BalancingSpeed, "0 or more");
        Require(recipe.Evaluation.Every >= 0, "evaluation.every", recipe.Evaluation.Every, "0 or more");
        Require(recipe.Evaluation.Problems >= 0, "evaluation.problems", recipe.Evaluation.Problems, "0 or more");
    }
}
