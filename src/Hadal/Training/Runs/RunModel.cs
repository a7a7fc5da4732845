using System.Text.Json;
using System.Text.Json.Nodes;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization;

namespace Hadal.Training;

/// <summary>The model that a recipe trains: described first, so that it can be refused before it takes memory, then made or loaded.</summary>
internal static class RunModel
{
    /// <summary>The model's configuration, with the tokenizer's vocabulary and special tokens where the recipe names none.</summary>
    /// <exception cref="RecipeException">The recipe names both a folder and a configuration, or neither; or one that doesn't fit the tokenizer.</exception>
    /// <exception cref="ConfigurationException">The configuration has a value that can't be.</exception>
    public static ModelConfig Config(TrainingRecipe recipe, Tokenizer tokenizer)
    {
        if (recipe.Model.Path is null == recipe.Model.Config is null)
        {
            throw new RecipeException("the recipe's model has both a path and a config or neither, expected the folder of a model or the keys of a new one.");
        }

        ModelConfig config = recipe.Model.Path is { } folder ? ModelReader.Describe(folder).Config : New(recipe.Model.Config!, tokenizer);
        if (config.VocabSize < tokenizer.VocabSize)
        {
            throw new RecipeException($"the model has a vocabulary of {config.VocabSize}, expected at least the tokenizer's {tokenizer.VocabSize}.");
        }

        return config;
    }

    /// <summary>Makes the weights, or loads those of a folder, as trained parameters.</summary>
    public static Transformer Load(TrainingRecipe recipe, ModelConfig config, string? folder)
    {
        ElementType matrices = recipe.Precision.WeightType();
        if (folder is not null) return ModelReader.Read(folder, matrices, trainable: true);
        Transformer model = new(config);
        model.Initialise(recipe.Seed, matrices);
        return model;
    }

    private static ModelConfig New(JsonObject keys, Tokenizer tokenizer)
    {
        JsonObject complete = keys.DeepClone().AsObject();
        complete.TryAdd("vocab_size", tokenizer.VocabSize);
        if (tokenizer.BosId is { } bos) complete.TryAdd("bos_token_id", bos);
        if (tokenizer.EosIds.Count > 0) complete.TryAdd("eos_token_id", new JsonArray([.. tokenizer.EosIds.Select(id => JsonValue.Create(id))]));
        using JsonDocument document = JsonDocument.Parse(complete.ToJsonString());
        ModelConfig config = ModelConfig.Read(document.RootElement, "the recipe's model.config");

        // A folder of someone else's may hold keys that don't concern us; in a recipe they are misspelt.
        return config.OtherKeys.Keys.FirstOrDefault(key => keys.ContainsKey(key)) is { } unknown
            ? throw new RecipeException($"the recipe's model.config has '{unknown}', which no {config.ModelType} reads, expected only keys that do.")
            : config;
    }
}
