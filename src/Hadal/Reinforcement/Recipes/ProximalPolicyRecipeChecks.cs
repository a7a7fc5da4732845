using static Hadal.Training.RecipeValidation;

namespace Hadal.Reinforcement;

/// <summary>What can be wrong with a recipe of PPO by itself, before any file is read.</summary>
internal static class ProximalPolicyRecipeChecks
{
    /// <summary>The recipe's <c>stage</c>.</summary>
    public const string Stage = "ppo";

    /// <summary>Checks every value that its own type does not check when it is used.</summary>
    /// <exception cref="Hadal.Training.RecipeException">A value can't be; the message names its key.</exception>
    public static void Check(ProximalPolicyRecipe recipe)
    {
        StageRecipeChecks.Check(recipe, Stage);
        StageRecipeChecks.Check(recipe.Rollouts);
        ProximalPolicyOptions policy = recipe.Policy;
        Require(recipe.Task is null != recipe.RewardModel is null, "task", "it and rewardModel, or neither", "exactly one of both");
        Require(recipe.Steps > 0, "steps", recipe.Steps, "1 or more");
        Require(recipe.Rollouts.GroupSize > 0, "rollouts.groupSize", recipe.Rollouts.GroupSize, "1 or more");
        int responses = recipe.Rollouts.Problems * recipe.Rollouts.GroupSize;
        Require(responses > 1, "rollouts.problems", recipe.Rollouts.Problems, "2 or more responses in a step, since advantages are normalised over them");
        Require(policy.Clip is > 0 and < 1, "policy.clip", policy.Clip, "between 0 and 1");
        Require(policy.KlWeight >= 0 && double.IsFinite(policy.KlWeight), "policy.klWeight", policy.KlWeight, "0 or more");
        Require(policy.Gamma is >= 0 and <= 1, "policy.gamma", policy.Gamma, "0 to 1");
        Require(policy.Lambda is >= 0 and <= 1, "policy.lambda", policy.Lambda, "0 to 1");
        Require(policy.ValueClip > 0, "policy.valueClip", policy.ValueClip, "more than 0");
        Require(policy.ValueWeight >= 0 && double.IsFinite(policy.ValueWeight), "policy.valueWeight", policy.ValueWeight, "0 or more");
        Require(policy.Updates > 0, "policy.updates", policy.Updates, "1 or more");
        Require(policy.Minibatches > 0 && policy.Minibatches <= responses, "policy.minibatches", policy.Minibatches, $"1 to the {responses} responses of a step");
        Require(policy.MicroResponses > 0, "policy.microResponses", policy.MicroResponses, "1 or more");
        Require(recipe.Evaluation.Every >= 0, "evaluation.every", recipe.Evaluation.Every, "0 or more");
        Require(recipe.Evaluation.Problems >= 0, "evaluation.problems", recipe.Evaluation.Problems, "0 or more");
        if (recipe.RewardModel is not { } model) return;
        Require(model.HeldOutFraction is >= 0 and < 1, "rewardModel.heldOutFraction", model.HeldOutFraction, "0 or more and less than 1");
        Require(double.IsFinite(model.MissingEndPenalty), "rewardModel.missingEndPenalty", model.MissingEndPenalty, "a number");
    }
}
