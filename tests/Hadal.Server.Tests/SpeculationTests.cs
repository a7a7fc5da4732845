using System.Globalization;
using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Server.Tests.Testing;
using Hadal.Tokenization;
using Hadal.Tokenization.Training;
using Microsoft.Extensions.Options;

namespace Hadal.Server.Tests;

public sealed class SpeculationTests : IDisposable
{
    private const string Prompt = "abc abc abc abd abc";

    private readonly string _folder = Directory.CreateTempSubdirectory("hadal-drafts-").FullName;

    [Fact]
    public async Task An_answer_is_the_same_with_and_without_drafts_and_they_are_counted()
    {
        string model = WriteModel("model", modules: 1, seed: 3), small = WriteModel("small", modules: 0, seed: 4);
        (string[] expected, double drafted, _, _) = await AnswersAsync(model, null);
        Assert.All(expected, text => Assert.True(text.Length > 5));
        Assert.Equal(0, drafted);
        foreach ((string source, int? count) in new (string, int?)[] { ("mtp", null), ("mtp", 3), ("lookup", null), (small, 2), (model, null) })
        {
            (string[] actual, drafted, double accepted, double verifications) = await AnswersAsync(model, source, count);
            Assert.Equal(expected, actual);
            Assert.True(drafted > 0, $"'{source}' drafted nothing");
            Assert.InRange(accepted, 0, drafted);
            Assert.InRange(verifications, 1, drafted);

            // The model as its own draft model draws what it drafts.
            if (source == model) Assert.Equal(drafted, accepted);
        }
    }

    [Fact]
    public async Task Sources_that_cannot_draft_for_the_model_keep_it_from_being_loaded()
    {
        string model = WriteModel("model", modules: 0, seed: 3), empty = Directory.CreateDirectory(Path.Combine(_folder, "empty")).FullName;
        CheckpointException noModule = await Assert.ThrowsAsync<CheckpointException>(async () => await AnswersAsync(model, "mtp"));
        Assert.Contains("multi-token-prediction", noModule.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<TokenizerException>(async () => await AnswersAsync(model, empty));
        await Assert.ThrowsAsync<OptionsValidationException>(async () => await AnswersAsync(model, "lookup", 0));
        OptionsValidationException alone = await Assert.ThrowsAsync<OptionsValidationException>(async () => await AnswersAsync(model, null, 2));
        Assert.Contains(nameof(HadalOptions.DraftSource), alone.Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<(string[] Answers, double Drafted, double Accepted, double Verifications)> AnswersAsync(string model, string? source, int? count = null)
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            (options.Load, options.ModelPath, options.DraftSource, options.DraftTokens) = (null, model, source, count);
            options.Engine = options.Engine with { Threads = 1 };
        });
        List<string> answers = [];
        foreach (double temperature in (double[])[0, 1])
        {
            Answer answer = await server.PostAsync("/v1/completions", string.Create(
                CultureInfo.InvariantCulture, $$"""{"prompt": "{{Prompt}}", "temperature": {{temperature}}, "seed": 7, "max_tokens": 60}"""));
            Assert.Equal(200, answer.Status);
            answers.Add(answer.Json.GetProperty("choices")[0].GetProperty("text").GetString()!);
        }

        return ([.. answers], await server.MetricAsync("hadal_drafted_tokens_total"), await server.MetricAsync("hadal_accepted_draft_tokens_total"),
            await server.MetricAsync("hadal_draft_verifications_total"));
    }

    // A DeepSeek-V3 of random weights over bytes, wide enough apart for greedy text that is not one letter.
    private string WriteModel(string name, int modules, int seed)
    {
        string folder = Path.Combine(_folder, name);
        string config = $$"""
            {"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "vocab_size": 257, "hidden_size": 32, "intermediate_size": 32,
             "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 256, "hidden_act": "silu",
             "rms_norm_eps": 1e-6, "tie_word_embeddings": false, "initializer_range": 0.2, "eos_token_id": 256, "q_lora_rank": 16, "kv_lora_rank": 16,
             "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 8, "first_k_dense_replace": 1, "moe_layer_freq": 1, "n_routed_experts": 4,
             "n_shared_experts": 1, "moe_intermediate_size": 16, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "norm_topk_prob": true,
             "routed_scaling_factor": 1.0, "scoring_func": "sigmoid", "topk_method": "noaux_tc", "rope_theta": 10000.0, "num_nextn_predict_layers": {{modules}}}
            """;
        using Transformer model = new(ModelConfig.Read(JsonElement.Parse(config), name));
        model.Initialise(seed);
        ModelWriter.Write(model, folder);
        BpeTrainer.Bytes(["<|end|>"]).Write(folder);
        return folder;
    }
}
