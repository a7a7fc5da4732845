using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Models;

/// <summary>What narrow caches cost in quality, on models of other people's making.</summary>
public sealed class CacheTypeTests
{
    // Kullback-Leibler divergence from the distribution with an F32 cache in nats, the median of the positions: where two experts of these
    // random models are about equal, the least rounding takes another route, and that says nothing of caches. docs/numerics.md has figures.
    [SkippableTheory]
    [InlineData("v3-base")]
    [InlineData("v3-noqlora")]
    [InlineData("v2-lite")]
    [InlineData("v2-group")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    public void A_narrow_cache_changes_the_distribution_little(string golden)
    {
        using Transformer model = ModelReader.Read(Path.GetDirectoryName(Goldens.Require($"{golden}/config.json"))!);
        int[] ids = new int[80];
        Random random = new(3);
        for (int i = 0; i < ids.Length; i++) ids[i] = random.Next(model.Config.VocabSize);
        double[][] exact = Distributions(model, ids, ElementType.F32);
        double bf16 = Divergence(exact, Distributions(model, ids, ElementType.BF16)), f8 = Divergence(exact, Distributions(model, ids, ElementType.F8E4M3));
        Assert.True(bf16 is > 0 and < 1e-3, $"{golden}: a BF16 cache moves the distribution by {bf16:E2} nats");
        Assert.True(f8 > bf16 && f8 < 0.1, $"{golden}: an F8 cache moves the distribution by {f8:E2} nats");
    }

    // Token by token, as decoding does.
    private static double[][] Distributions(Transformer model, int[] ids, ElementType type)
    {
        using WorkerPool workers = new(1);
        using Graph g = new(workers, recording: false);
        using PagePool pool = new(model.Config, CacheRows.PagesFor(ids.Length), type);
        using KvCache cache = new(pool);
        double[][] result = new double[ids.Length][];
        for (int i = 0; i < ids.Length; i++)
        {
            float[] logits = model.Logits(g, model.Forward(g, TokenBatch.Continue([[ids[i]]], [cache]))).Span.ToArray();
            double max = logits.Max(), sum = logits.Sum(x => Math.Exp(x - max));
            result[i] = Array.ConvertAll(logits, x => Math.Exp(x - max) / sum);
            g.Reset();
        }

        return result;
    }

    private static double Divergence(double[][] exact, double[][] other) =>
        exact.Zip(other, (p, q) => p.Zip(q, (a, b) => a == 0 ? 0 : a * Math.Log(a / b)).Sum()).Order().ElementAt(exact.Length / 2);
}
