using Hadal.Tests.Checkpoints;
using Hadal.Training;

namespace Hadal.Tests.Training.Runs;

/// <summary>A run of seconds: a V3 model with experts and a prediction module on a few kilobytes, byte by byte.</summary>
internal static class TinyRun
{
    /// <summary>Writes text and recipe into a folder; returns the recipe's path.</summary>
    public static string Write(TemporaryFolder folder, params string[] settings)
    {
        string data = Path.Combine(folder.Path, "text.txt");
        File.WriteAllText(data, Text(6000));
        string path = Path.Combine(folder.Path, "recipe.json");
        TrainingRecipe recipe = RecipeReader.Parse<TrainingRecipe>(
            $$"""
            {
              "output": {{System.Text.Json.JsonSerializer.Serialize(Path.Combine(folder.Path, "run"))}},
              "tokenizer": { "bytes": true },
              "model": { "config": {
                "model_type": "deepseek_v3", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "q_lora_rank": 16, "kv_lora_rank": 16,
                "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 16, "intermediate_size": 64, "first_k_dense_replace": 1,
                "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "n_group": 1, "topk_group": 1,
                "routed_scaling_factor": 1.0, "norm_topk_prob": true, "num_nextn_predict_layers": 1, "max_position_embeddings": 64 } },
              "data": { "sources": [ { "path": {{System.Text.Json.JsonSerializer.Serialize(data)}} } ], "heldOutFraction": 0.1 },
              "batch": { "packs": 4, "sequenceLength": 32 },
              "steps": 12,
              "learningRate": { "kind": "constant", "peak": 3e-3 },
              "evaluation": { "every": 5, "tokens": 256 },
              "checkpoints": { "every": 4, "keep": 2 }
            }
            """, "tiny", settings);
        File.WriteAllText(path, RecipeReader.ToJson(recipe));
        return path;
    }

    /// <summary>The recipe itself.</summary>
    public static TrainingRecipe Recipe(TemporaryFolder folder, params string[] settings) =>
        RecipeReader.Read<TrainingRecipe>(Write(folder, settings));

    /// <summary>The same words in an order that the seed decides: something to learn, in any amount.</summary>
    public static string Text(int length, int seed = 1)
    {
        string[] words = ["the ", "deep ", "sea ", "has ", "no ", "light ", "but ", "what ", "it ", "makes ", "\n"];
        Random random = new(seed);
        System.Text.StringBuilder text = new();
        while (text.Length < length) text.Append(words[random.Next(words.Length)]);
        return text.ToString(0, length);
    }
}
