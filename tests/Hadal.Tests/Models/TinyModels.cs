using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Models;

/// <summary>Small models of every kind with random weights, and what they compute.</summary>
internal static class TinyModels
{
    private const string Yarn =
        """{"type": "yarn", "factor": 4, "original_max_position_embeddings": 32, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 0.6}""";

    private const string Llama3 =
        """{"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 64}""";

    private static readonly Dictionary<string, ConfigText> s_configs = new()
    {
        ["v3"] = ConfigText.V3,
        ["v3 without q_lora"] = ConfigText.V3.With("q_lora_rank", "null"),
        ["v3 yarn"] = ConfigText.V3.With("rope_scaling", Yarn),
        ["v3 one group, biased attention, wide values"] = ConfigText.V3
            .With("n_group", "1").With("topk_group", "1").With("attention_bias", "true").With("v_head_dim", "20").With("qk_rope_head_dim", "14"),
        ["v3 halves, every second layer"] = ConfigText.V3
            .With("rope_interleave", "false").With("moe_layer_freq", "2").With("n_shared_experts", "0").With("tie_word_embeddings", "true"),
        ["v2 greedy"] = ConfigText.V2,
        ["v2 group_limited_greedy"] = ConfigText.V2
            .With("topk_method", "\"group_limited_greedy\"").With("n_group", "4").With("topk_group", "2").With("routed_scaling_factor", "16.0"),
        ["v2 dense"] = ConfigText.V2.With("n_routed_experts", "null").With("n_shared_experts", "null"),
        ["qwen2"] = ConfigText.Qwen2,
        ["llama with head_dim"] = ConfigText.Llama.With("head_dim", "12").With("rope_scaling", Llama3),
        ["llama with biases"] = ConfigText.Llama.With("attention_bias", "true").With("mlp_bias", "true"),
    };

    /// <summary>All kinds.</summary>
    public static TheoryData<string> Kinds => [.. s_configs.Keys];

    /// <summary>Those with latent attention.</summary>
    public static TheoryData<string> LatentKinds => [.. s_configs.Keys.Where(kind => kind[0] == 'v')];

    /// <summary>The config.json of a kind.</summary>
    public static ConfigText Config(string kind) => s_configs[kind];

    /// <summary>The forms in which a kind can be computed.</summary>
    public static MlaForm[] Forms(string kind) => kind[0] == 'v' ? [MlaForm.Expanded, MlaForm.Absorbed] : [MlaForm.Expanded];

    /// <summary>A model with random weights; norms, biases and correction biases are random too.</summary>
    public static Transformer Create(string kind) => Create(s_configs[kind]);

    /// <summary>A model with random weights.</summary>
    public static Transformer Create(ConfigText config)
    {
        Transformer model = new(config.Read());
        model.Initialise(seed: 11);
        Random random = new(12);
        foreach (Parameter parameter in model.Parameters.Where(p => !p.IsMatrix))
        {
            foreach (ref float value in parameter.Value.Span) value += 0.2f * (random.NextSingle() - 0.5f);
        }

        return model;
    }

    /// <summary>Random token ids.</summary>
    public static int[] Ids(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(97))];
    }

    /// <summary>Logits of one uncached sequence.</summary>
    public static float[] Whole(Transformer model, WorkerPool workers, int[] ids, MlaForm form)
    {
        using Graph g = new(workers, recording: false);
        return model.Logits(g, model.Forward(g, TokenBatch.Of(ids), form)).Span.ToArray();
    }

    /// <summary>Logits of the next tokens of cached sequences, sequence after sequence.</summary>
    public static float[] Next(Transformer model, WorkerPool workers, MlaForm form, KvCache[] caches, params int[][] sequences)
    {
        using Graph g = new(workers, recording: false);
        return model.Logits(g, model.Forward(g, TokenBatch.Continue(sequences, caches), form)).Span.ToArray();
    }

    /// <summary>Logits of one sequence that goes through a cache in pieces of the given lengths, the last one repeated.</summary>
    public static float[] InPieces(Transformer model, WorkerPool workers, MlaForm form, KvCache cache, int[] ids, params int[] lengths)
    {
        List<float> logits = [];
        for (int at = 0, piece = 0; at < ids.Length; piece++)
        {
            int end = Math.Min(ids.Length, at + lengths[Math.Min(piece, lengths.Length - 1)]);
            logits.AddRange(Next(model, workers, form, [cache], ids[at..end]));
            at = end;
        }

        return [.. logits];
    }

    /// <summary>Fails unless both have the same bits and are finite and not all alike.</summary>
    public static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.True(expected.Length > 1 && expected.IndexOfAnyExcept(expected[0]) > 0, $"{what}: nothing was computed");
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(float.IsFinite(expected[i]), $"{what}: element {i} is {expected[i]}");
            Assert.True(
                BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]),
                $"{what}: element {i} is {actual[i]:R}, expected {expected[i]:R}");
        }
    }
}
