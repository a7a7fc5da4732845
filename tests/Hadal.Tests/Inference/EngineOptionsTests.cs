using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;

namespace Hadal.Tests.Inference;

public sealed class EngineOptionsTests : IDisposable
{
    private readonly WorkerPool _workers = new(2);

    public void Dispose() => _workers.Dispose();

    [Theory]
    [InlineData("v3", null, ProductPrecision.F32, ElementType.F32)]
    [InlineData("v3", ElementType.BF16, ProductPrecision.F32, ElementType.F32)]
    [InlineData("v3", ElementType.Q8_0, ProductPrecision.BF16, ElementType.BF16)]
    [InlineData("qwen2", ElementType.Q8_0, ProductPrecision.F32, ElementType.F32)]
    public void What_is_not_said_suits_the_model(string kind, ElementType? matrices, ProductPrecision precision, ElementType cache)
    {
        using Transformer model = TinyModels.Create(kind);
        if (matrices is { } type) model.HoldMatricesAs(type);
        EngineOptions options = new EngineOptions().For(model);
        Assert.Equal((precision, cache), (options.Precision, options.CacheType));
    }

    [Fact]
    public void What_is_said_holds()
    {
        using Transformer model = TinyModels.Create("v3");
        model.HoldMatricesAs(ElementType.Q8_0);
        EngineOptions options = new EngineOptions { Precision = ProductPrecision.F32, CacheType = ElementType.F8E4M3 }.For(model);
        Assert.Equal((ProductPrecision.F32, ElementType.F8E4M3), (options.Precision, options.CacheType));
    }

    [Fact]
    public void A_model_in_blocks_draws_the_same_alone_and_in_a_crowd_that_has_to_give_way()
    {
        using Transformer model = TinyModels.Create("v3");
        model.HoldMatricesAs(ElementType.Q8_0);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 6).Select(i => SchedulerRun.Greedy(TinyModels.Ids(40 + 13 * i, i), 40))];
        int[][] alone = [.. requests.Select(request => Tokens(new EngineOptions(), request)[0])];
        long pageBytes = PagePool.PageBytes(model.Config, ElementType.BF16);
        Assert.Equal(alone, Tokens(new EngineOptions { CacheBytes = 5 * pageBytes, PrefillTokens = 19 }, requests));

        int[][] Tokens(EngineOptions options, params GenerationRequest[] some)
        {
            using SchedulerRun run = new(model, _workers, options);
            SchedulerRun.Told[] told = [.. some.Select(run.Submit)];
            run.RunToEnd();
            return [.. told.Select(t => t.Tokens[0].ToArray())];
        }
    }
}
