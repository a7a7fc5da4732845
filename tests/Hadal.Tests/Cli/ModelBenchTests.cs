using System.Text.Json;
using Hadal.Cli.Bench;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;

namespace Hadal.Tests.Cli;

/// <summary>`hadal bench decode` and `prefill`: what they count. How fast anything is no test says.</summary>
[Collection(ConsoleRun.Name)]
public sealed class ModelBenchTests
{
    // Small: 12 layers of 0.80M attention, 11 of 33 experts of 0.39M, 5 of them active, a dense layer of 3.1M, and 16.8M of embedding and of
    // head. DeepSeek-V2's paper gives 15.7B and 2.4B active for V2-Lite (2405.04434, appendix B).
    [Theory]
    [InlineData("small", 189.1e6, 51.3e6)]
    [InlineData("v2-lite", 15.7e9, 2.4e9)]
    public void Shapes_have_the_sizes_they_are_known_for(string shape, double parameters, double active)
    {
        using Transformer model = BenchModels.Describe(shape);
        ModelSize size = ModelSize.Of(model);
        Assert.Equal(parameters, size.Main, parameters * 0.01);
        Assert.Equal(active, size.ActivePerToken, active * 0.1);
    }

    [Fact]
    public void Random_weights_fill_every_parameter_and_routes_spread()
    {
        using WorkerPool workers = new(2);
        using Transformer model = new(Config().Read());
        BenchModels.Fill(model, ElementType.Q8_0, workers);
        foreach (Parameter parameter in model.Parameters)
        {
            Assert.Equal(MatrixTypes.For(parameter, ElementType.Q8_0), parameter.Value.ElementType);
            if (!parameter.IsMatrix) continue;
            int bytes = (int)parameter.Value.Buffer.ByteLength;
            Assert.True(parameter.Value.Buffer.AsSpan<byte>(bytes - 64, 64).IndexOfAnyExcept((byte)0) >= 0, $"{parameter.Name} ends with zeros");
        }

        DecodeBenchRow row = new DecodeBench(model, workers, new ModelBenchOptions(1, ElementType.F32, ProductPrecision.F32)).Run(batch: 16, context: 70);
        Assert.InRange(row.ExpertsPerLayer, 4.5, 16);
    }

    [Fact]
    public void Bytes_of_a_token_are_those_of_its_weights_and_caches()
    {
        using WorkerPool workers = new(2);
        using Transformer model = TinyModels.Create(Config());
        DecodeBenchRow row = new DecodeBench(model, workers, new ModelBenchOptions(2, ElementType.BF16, ProductPrecision.F32)).Run(batch: 3, context: 100);
        DeepSeekConfig config = (DeepSeekConfig)model.Config;
        double expert = 3.0 * config.HiddenSize * config.MoeIntermediateSize * sizeof(float);
        double rest = sizeof(float) * model.Parameters.Where(p => p.Kind is not (ParameterKind.Experts or ParameterKind.Embedding)).Sum(p => p.Count);
        double caches = 3 * 100.0 * config.NumHiddenLayers * (config.KvLoraRank + config.QkRopeHeadDim) * sizeof(ushort);
        int layers = model.ExpertLayers.Count;
        Assert.Equal((rest + row.ExpertsPerLayer * layers * expert + 3 * config.HiddenSize * sizeof(float) + caches) / 3, row.BytesPerToken, 1);
        Assert.InRange(row.ExpertsPerLayer, config.Routing.TopK, 3 * config.Routing.TopK);
        Assert.Equal(row.Best * row.BytesPerToken / 1e9 / row.ReadGigabytes, row.Share);
        Assert.True(row.Median > 0 && row.Best >= row.Median);
    }

    [Fact]
    public void Prefill_is_measured_from_the_request_to_the_first_token()
    {
        using WorkerPool workers = new(2);
        using Transformer model = TinyModels.Create(Config());
        List<(int Done, int All)> rounds = [];
        PrefillBenchRow row = new PrefillBench(model, workers, new ModelBenchOptions(2, ElementType.F32, ProductPrecision.F32)).Run(tokens: 100, context: 128, (done, all) => rounds.Add((done, all)));
        Assert.Equal([(0, 3), (1, 3), (2, 3), (3, 3)], rounds);
        Assert.Equal((100, 128), (row.Tokens, row.Context));
        Assert.True(row.Median > 0 && row.Best >= row.Median && row.Gigaflops > 0 && row.Share > 0);
    }

    [Fact]
    public void Random_weights_that_memory_can_not_hold_are_refused_before_anything_is_allocated()
    {
        using WorkerPool workers = new(1);
        using Transformer model = new(Config().With("vocab_size", "16777216").With("hidden_size", "16384").Read());
        long before = NativeBuffer.LiveBytes;
        Assert.Throws<InsufficientMemoryException>(() => BenchModels.Fill(model, ElementType.F32, workers));
        Assert.Equal(before, NativeBuffer.LiveBytes);
    }

    [Theory]
    [InlineData("bench", "decode")]
    [InlineData("bench", "decode", "somewhere", "--shape", "small")]
    [InlineData("bench", "decode", "--shape", "large")]
    [InlineData("bench", "decode", "--shape", "small", "--type", "Q3_K")]
    [InlineData("bench", "decode", "--shape", "small", "--batch", "1,0")]
    [InlineData("bench", "decode", "--shape", "small", "--context", "many")]
    [InlineData("bench", "decode", "--shape", "small", "--context", "0")]
    [InlineData("bench", "prefill", "--shape", "small", "--tokens", "0")]
    public void Wrong_calls_are_refused(params string[] arguments) => ConsoleRun.Run(arguments).RequireError(2);

    [Fact]
    public void A_model_folder_is_measured_too()
    {
        using Checkpoints.TemporaryFolder folder = new();
        using (Transformer model = TinyModels.Create(Config())) Hadal.Checkpoints.ModelWriter.Write(model, folder.Path);
        HadalProcess run = ConsoleRun.Run("bench", "decode", folder.Path, "--batch", "2", "--context", "64,100000", "--rounds", "1", "--cache", "f8", "--json");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("100000 is left out", run.Error, StringComparison.Ordinal);
        using JsonDocument result = JsonDocument.Parse(run.Output);
        JsonElement row = Assert.Single(result.RootElement.GetProperty("decode").EnumerateArray());
        Assert.Equal((2, 64), (row.GetProperty("batch").GetInt32(), row.GetProperty("context").GetInt32()));
        Assert.True(row.GetProperty("best").GetDouble() > 0);
    }

    private static ConfigText Config() => ConfigText.V3.With("max_position_embeddings", "2048").With("hidden_size", "64").With("moe_intermediate_size", "32");
}
