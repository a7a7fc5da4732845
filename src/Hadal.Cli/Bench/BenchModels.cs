using System.Text.Json;
using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Cli.Bench;

/// <summary>Models of known shapes with random weights, made in memory: as fast and as large as trained ones, without a download.</summary>
internal static class BenchModels
{
    // Rows that are drawn and rounded for each width of matrices; what is larger repeats them. Whole panels of every type in blocks.
    private const int DrawnRows = 512;

    // Bytes that a worker copies at a time.
    private const int PieceBytes = 4 << 20;

    private static readonly Dictionary<string, string> s_configs = new()
    {
        // A DeepSeek-V3 of 189M parameters.
        ["small"] = """
            {
              "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "hidden_size": 512, "num_hidden_layers": 12, "first_k_dense_replace": 1,
              "n_routed_experts": 32, "n_shared_experts": 1, "num_experts_per_tok": 4, "moe_intermediate_size": 256, "intermediate_size": 2048,
              "kv_lora_rank": 128, "q_lora_rank": 256, "qk_nope_head_dim": 64, "qk_rope_head_dim": 32, "v_head_dim": 64, "num_attention_heads": 8,
              "num_key_value_heads": 8, "n_group": 4, "topk_group": 2, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "topk_method": "noaux_tc",
              "norm_topk_prob": true, "rope_theta": 10000.0, "rms_norm_eps": 1e-6, "max_position_embeddings": 16384, "vocab_size": 32768,
              "tie_word_embeddings": false, "hidden_act": "silu", "num_nextn_predict_layers": 0
            }
            """,

        // DeepSeek-V2-Lite, 15.7B.
        ["v2-lite"] = """
            {
              "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2", "hidden_size": 2048, "num_hidden_layers": 27, "first_k_dense_replace": 1,
              "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6, "moe_intermediate_size": 1408, "intermediate_size": 10944,
              "kv_lora_rank": 512, "q_lora_rank": null, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "num_attention_heads": 16,
              "num_key_value_heads": 16, "n_group": 1, "topk_group": 1, "routed_scaling_factor": 1.0, "scoring_func": "softmax", "topk_method": "greedy",
              "norm_topk_prob": false, "rope_theta": 10000.0, "rms_norm_eps": 1e-6, "max_position_embeddings": 163840, "vocab_size": 102400,
              "tie_word_embeddings": false, "hidden_act": "silu",
              "rope_scaling": {
                "beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 0.707, "mscale_all_dim": 0.707, "original_max_position_embeddings": 4096, "type": "yarn"
              }
            }
            """,
    };

    /// <summary>Names of the shapes.</summary>
    public static string[] Shapes => [.. s_configs.Keys];

    /// <summary>Describes a model; it has no memory yet.</summary>
    public static Transformer Describe(string shape)
    {
        using JsonDocument config = JsonDocument.Parse(s_configs[shape]);
        return new Transformer(ModelConfig.Read(config.RootElement, shape));
    }

    /// <summary>Gives a described model random weights, held in a type. Routers have random rows all of their own, so that routing spreads.</summary>
    /// <exception cref="InsufficientMemoryException">The machine's memory can't hold the weights.</exception>
    public static void Fill(Transformer model, ElementType type, WorkerPool workers)
    {
        long bytes = model.Parameters.SelectMany(p => MatrixTypes.Arrays(p, type)).Sum(array => array.Type.ByteLength(array.Array.Shape.Rows, array.Array.Shape.Last)), memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (bytes > memory * 9 / 10)
        {
            throw new InsufficientMemoryException($"weights in {type} take {bytes / 1e9:F1} GB, and this machine has {memory / 1e9:F1} GB.");
        }

        Dictionary<(int Columns, ElementType Type), Tensor> drawn = [];
        Random random = new(1);
        foreach (Parameter parameter in model.Parameters)
        {
            IReadOnlyList<(Parameter Array, ElementType Type)> arrays = MatrixTypes.Arrays(parameter, type);
            Tensor[] values = [.. arrays.Select(array => Tensor.Create(array.Array.Shape, array.Type))];
            parameter.Assign(values);
            foreach (Tensor value in values)
            {
                if (parameter.Kind == ParameterKind.Norm) value.Span.Fill(1);
                else if (parameter.Kind == ParameterKind.Router) Draw(value, random);
                else if (parameter.IsMatrix)
                {
                    (int, ElementType) key = (value.Shape.Last, value.ElementType);
                    if (!drawn.TryGetValue(key, out Tensor? rows)) drawn.Add(key, rows = DrawAs(value.ElementType, value.Shape.Last, random, workers));
                    Repeat job = new(rows.Buffer, value.Buffer);
                    workers.Run(ref job, job.Pieces);
                }
            }
        }

        foreach (Tensor rows in drawn.Values) rows.Dispose();
    }

    private static Tensor DrawAs(ElementType type, int columns, Random random, WorkerPool workers)
    {
        Tensor exact = Tensor.Create(new Shape(DrawnRows, columns));
        Draw(exact, random);
        if (type == ElementType.F32) return exact;
        Tensor rounded = Tensor.Create(exact.Shape, type);
        Elementwise.Copy(workers, exact.AsMatrix(), rounded.AsMatrix());
        exact.Dispose();
        return rounded;
    }

    // Of variance 1 / columns, so that products keep the size of what they are made of: a sum of four uniform numbers is normal enough.
    private static void Draw(Tensor values, Random random)
    {
        float factor = MathF.Sqrt(3f / values.Shape.Last);
        foreach (ref float x in values.Span)
        {
            x = factor * (random.NextSingle() + random.NextSingle() + random.NextSingle() + random.NextSingle() - 2);
        }
    }

    private readonly struct Repeat(NativeBuffer pattern, NativeBuffer destination) : IParallelJob
    {
        public int Pieces => (int)((destination.ByteLength + PieceBytes - 1) / PieceBytes);

        public void Execute(int piece)
        {
            long at = (long)piece * PieceBytes, end = Math.Min(destination.ByteLength, at + PieceBytes);
            while (at < end)
            {
                long from = at % pattern.ByteLength;
                int count = (int)Math.Min(end - at, pattern.ByteLength - from);
                pattern.AsSpan<byte>(from, count).CopyTo(destination.AsSpan<byte>(at, count));
                at += count;
            }
        }
    }
}
