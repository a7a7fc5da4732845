using BenchmarkDotNet.Attributes;
using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Benchmarks;

/// <summary>A small DeepSeek-V3 (11M parameters): prefill, one decoded token, and one step of gradients.</summary>
[MemoryDiagnoser]
public class TransformerBenchmarks
{
    private const string Config = """
        {
          "model_type": "deepseek_v3", "vocab_size": 4096, "hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 6,
          "num_attention_heads": 4, "max_position_embeddings": 4096, "q_lora_rank": 96, "kv_lora_rank": 64, "qk_nope_head_dim": 32,
          "qk_rope_head_dim": 16, "v_head_dim": 32, "first_k_dense_replace": 1, "n_routed_experts": 16, "n_shared_experts": 1,
          "num_experts_per_tok": 4, "moe_intermediate_size": 128, "n_group": 4, "topk_group": 2, "routed_scaling_factor": 2.5
        }
        """;

    private readonly int[] _tokens = [.. Enumerable.Range(0, 512).Select(i => i * 37 % 4096)];
    private WorkerPool _workers = null!;
    private Transformer _model = null!;
    private Graph _inference = null!, _training = null!;
    private KvCache _cache = null!;

    [GlobalSetup]
    public void Setup()
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(path, Config);
        _model = new Transformer(ModelConfig.Read(path));
        File.Delete(path);
        _model.Initialise(seed: 1);
        _workers = new WorkerPool();
        (_inference, _training) = (new Graph(_workers, recording: false), new Graph(_workers, recording: true));
        _cache = new KvCache(_model.Config);
        _model.Forward(_inference, TokenBatch.Continue([_tokens], [_cache]));
        _inference.Reset();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _cache.Dispose();
        _inference.Dispose();
        _training.Dispose();
        _model.Dispose();
        _workers.Dispose();
    }

    [Benchmark]
    public void Prefill512()
    {
        _model.Logits(_inference, _inference.Rows(_model.Forward(_inference, TokenBatch.Of(_tokens)), [511]));
        _inference.Reset();
    }

    [Benchmark]
    public void DecodeOneAfter512()
    {
        _model.Logits(_inference, _model.Forward(_inference, TokenBatch.Continue([[7]], [_cache])));
        _inference.Reset();
        _cache.Truncate(512);
    }

    [Benchmark]
    public void GradientsOf512()
    {
        Tensor losses = _training.CrossEntropy(_model.Logits(_training, _model.Forward(_training, TokenBatch.Of(_tokens))), _tokens);
        float[] weights = new float[_tokens.Length];
        Array.Fill(weights, 1f / weights.Length);
        _training.Backward(_training.WeightedSum(losses, weights));
        _training.Reset();
    }
}
