namespace Hadal.Training;

/// <summary>What can be wrong with a recipe by itself, before any file is read.</summary>
internal static class RecipeValidation
{
    /// <summary>Checks every value that its own type does not check when it is used.</summary>
    /// <exception cref="RecipeException">A value can't be; the message names its key.</exception>
    public static void Check(TrainingRecipe recipe)
    {
        Require(recipe.Steps is null != recipe.Epochs is null, "steps", "it or epochs", "exactly one of both");
        Require(recipe.Steps is null or > 0, "steps", recipe.Steps, "1 or more");
        Require(recipe.Epochs is null or (> 0 and < 1e6), "epochs", recipe.Epochs, "a positive number");
        Require(recipe.Batch.Packs > 0, "batch.packs", recipe.Batch.Packs, "1 or more");
        Require(recipe.Batch.MicroPacks is null or > 0, "batch.microPacks", recipe.Batch.MicroPacks, "1 or more");
        Require(recipe.Objective.MainWeight >= 0 && float.IsFinite(recipe.Objective.MainWeight), "objective.mainWeight", recipe.Objective.MainWeight, "0 or more");
        if (recipe.Teacher is { } teacher) Check(teacher);
        Require(recipe.Balancing.Speed >= 0 && float.IsFinite(recipe.Balancing.Speed), "balancing.speed", recipe.Balancing.Speed, "0 or more");
        Require(recipe.Balancing.Until is >= 0 and <= 1, "balancing.until", recipe.Balancing.Until, "0 to 1");
        Require(recipe.Evaluation.Every >= 0, "evaluation.every", recipe.Evaluation.Every, "0 or more");
        Require(recipe.Evaluation.Tokens > 0, "evaluation.tokens", recipe.Evaluation.Tokens, "1 or more");
        Require(recipe.Samples.Every >= 0, "samples.every", recipe.Samples.Every, "0 or more");
        Require(recipe.Samples.Every == 0 || recipe.Samples.Prompts.Count > 0, "samples.prompts", "empty", "a prompt to continue");
        Require(recipe.Samples.Temperature >= 0 && float.IsFinite(recipe.Samples.Temperature), "samples.temperature", recipe.Samples.Temperature, "0 or more");
        Require(recipe.Checkpoints.Every >= 0, "checkpoints.every", recipe.Checkpoints.Every, "0 or more");
        Require(recipe.Checkpoints.Keep > 0, "checkpoints.keep", recipe.Checkpoints.Keep, "1 or more");
        Require(recipe.Divergence.NormFactor >= 0, "divergence.normFactor", recipe.Divergence.NormFactor, "0 or more");
        Require(recipe.Data.Seed == 0, "data.seed", recipe.Data.Seed, "none, since the recipe's seed is used");
        Require(recipe.Data.ChunkLength is null, "data.chunkLength", recipe.Data.ChunkLength, "none, since the longest sequence of the batches is used");
        if (recipe.Tokenizer is { } t)
        {
            int named = (t.Path is null ? 0 : 1) + (t.Bytes ? 1 : 0) + (t.TrainVocabSize is null ? 0 : 1);
            Require(named == 1, "tokenizer", $"{named} of path, bytes and trainVocabSize", "one");
            Require(t.Markup.Count == 0 || t.TrainVocabSize is not null, "tokenizer.markup", string.Join(' ', t.Markup), "none, since no vocabulary is learnt");
        }
        else
        {
            Require(recipe.Model.Path is not null, "tokenizer", "nothing", "one, since a new model has none of its own");
        }
    }

    private static void Check(TeacherOptions teacher)
    {
        Require(teacher.Weight >= 0 && double.IsFinite(teacher.Weight), "teacher.weight", teacher.Weight, "0 or more");
        Require(teacher.Temperature > 0 && float.IsFinite(teacher.Temperature), "teacher.temperature", teacher.Temperature, "more than 0");
        Require(teacher.JensenShannon is null or (>= 0 and <= 1), "teacher.jensenShannon", teacher.JensenShannon, "0 to 1");
    }

    /// <exception cref="RecipeException">It does not hold.</exception>
    public static void Require(bool holds, string key, object? found, string expected)
    {
        if (!holds) throw new RecipeException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"the recipe's {key} is {found ?? "nothing"}, expected {expected}."));
    }
}
