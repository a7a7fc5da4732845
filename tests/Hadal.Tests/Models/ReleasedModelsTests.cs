using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Models;

/// <summary>The published sizes of released models, from their settings alone.</summary>
public sealed class ReleasedModelsTests
{
    // Parameters in billions. The model cards print 236B, 671B, 1.78B, 8.03B, ... and for the prediction module 11.5B; it has 11.61.
    [Theory]
    [InlineData("deepseek-v2-lite", 15_706_484_224, 15.7, 2.4, 0)]
    [InlineData("deepseek-v2", 235_741_434_880, 236, 21, 0)]
    [InlineData("deepseek-v3", 671_026_419_200, 671, 37, 11.6)]
    [InlineData("deepseek-r1-distill-qwen-1.5b", 1_777_088_000, 1.78, 1.5, 0)]
    [InlineData("deepseek-r1-distill-llama-8b", 8_030_261_248, 8.03, 7.5, 0)]
    public void Parameters_are_as_many_as_published_and_none_is_in_memory(string name, long exact, double total, double active, double modules)
    {
        long native = NativeBuffer.LiveBytes, before = GC.GetAllocatedBytesForCurrentThread();
        using Transformer model = new(ModelConfig.Read(ConfigText.FixturePath(name)));
        ModelSize size = ModelSize.Of(model);
        long managed = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(exact, size.Main);
        Assert.InRange(size.Main / 1e9, total * 0.995, total * 1.005);
        Assert.InRange(size.ActivePerToken / 1e9, active * 0.97, active * 1.03);
        Assert.InRange(size.Modules / 1e9, modules * 0.995, modules * 1.005);
        Assert.All(model.Parameters, parameter => Assert.False(parameter.IsLoaded));
        Assert.InRange(managed, 1, 4 << 20);

        // Other tests run beside this one: the bound is far below the smallest of these models, 3.5 GB.
        Assert.InRange(NativeBuffer.LiveBytes - native, long.MinValue, 1 << 30);
    }

    [Fact]
    public void V3_caches_576_numbers_per_token_and_layer_instead_of_32768()
    {
        ModelConfig v3 = ModelConfig.Read(ConfigText.FixturePath("deepseek-v3"));
        Assert.Equal((576, 32_768), (v3.CacheElementsPerLayer, v3.PlainCacheElementsPerLayer));
        using Transformer model = new(v3);
        ModelSize size = ModelSize.Of(model);
        Assert.Equal((61 * 576, 61 * 32_768), (size.CacheElementsPerToken, size.PlainCacheElementsPerToken));
    }

    [Fact]
    public void Llama_8B_caches_keys_and_values_of_its_8_key_heads() =>
        Assert.Equal(2 * 8 * 128, ModelConfig.Read(ConfigText.FixturePath("deepseek-r1-distill-llama-8b")).CacheElementsPerLayer);
}
