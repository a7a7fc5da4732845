using Hadal.Models;

namespace Hadal.Tests.Models;

/// <summary>Counts of multiply-adds against sums by hand.</summary>
public sealed class ModelFlopsTests
{
    [Fact]
    public void DeepSeek_counts_what_a_token_takes_part_in()
    {
        // Latent attention: q 32·20 + 20·4·20, kv 32·32 + 24·4·22, o 40·32: 6656; scores and values 4·(20 + 10) for each of 10 tokens: 1200.
        // Dense layer: 3·32·48 = 4608. Experts: router 32·8, three routed and one shared of 3·32·16: 6400. Head: 97·32 = 3104.
        using Transformer model = new(ConfigText.V3.With("num_nextn_predict_layers", "1").Read());
        ModelFlops flops = ModelFlops.Of(model, meanContext: 10);
        Assert.Equal(3 * (6656 + 1200) + 4608 + 2 * 6400 + 3104, flops.Main);

        // Its projection 64·32, a layer with experts, the head.
        Assert.Equal(2048 + 6656 + 1200 + 6400 + 3104, flops.Modules);
        Assert.Equal(2 * 44_080, flops.Inference);
        Assert.Equal(6 * (44_080 + 19_408), flops.Training);
    }

    [Fact]
    public void Tied_embeddings_are_multiplied_once_and_biases_never()
    {
        // q 32·32, k and v 32·16, o 32·32, feed-forward 3·32·48: 7680; scores and values 4·2·8 for each of 10 tokens: 640.
        foreach (ConfigText config in (ConfigText[])[ConfigText.Llama, ConfigText.Qwen2])
        {
            using Transformer model = new(config.Read());
            Assert.Equal(new ModelFlops(2 * (7680 + 640) + 3104, 0), ModelFlops.Of(model, 10));
        }
    }

    [Fact]
    public void Plain_queries_cost_one_product()
    {
        using Transformer with = new(ConfigText.V3.Read()), without = new(ConfigText.V3.With("q_lora_rank", "null").Read());
        Assert.Equal(3 * (32 * 80 - 32 * 20 - 20 * 80), ModelFlops.Of(without, 0).Main - ModelFlops.Of(with, 0).Main);
    }
}
