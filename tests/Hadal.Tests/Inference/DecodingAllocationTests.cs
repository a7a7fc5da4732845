using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Models;

namespace Hadal.Tests.Inference;

/// <summary>Runs alone: it counts the native memory of the whole process.</summary>
[CollectionDefinition(nameof(DecodingAllocationTests), DisableParallelization = true)]
[Collection(nameof(DecodingAllocationTests))]
public sealed class DecodingAllocationTests
{
    [Theory]
    [InlineData("v3", 46)]   // tensors of a layer with experts; the dense ones have fewer
    [InlineData("qwen2", 24)]
    public void A_hundred_steps_of_decoding_allocate_their_tensors_and_little_else(string kind, int tensorsPerLayer)
    {
        using WorkerPool workers = new(1);
        using Transformer model = TinyModels.Create(ConfigText.Parse(TinyModels.Config(kind).ToString()).With("max_position_embeddings", "4096"));
        using Scheduler scheduler = new(model, null, workers, new EngineOptions { MaxRunning = 8 });
        long told = 0;
        for (int i = 0; i < 8; i++)
        {
            SamplingOptions sampling = new() { Temperature = i % 2, Seed = i, LogitBias = new Dictionary<int, float> { [1] = -1000 } };
            scheduler.Submit(new GenerationRequest(TinyModels.Ids(20 + i, i), 2000, sampling), _ => told++, _ => { });
        }

        for (int i = 0; i < 200; i++) scheduler.Step();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long native = NativeBuffer.LiveBytes, toldBefore = told, managed = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) scheduler.Step();
        managed = GC.GetAllocatedBytesForCurrentThread() - managed;
        Assert.Equal(800, told - toldBefore);

        MemoryBaseline.RequireSame(native);

        // A tensor is an object of 80 bytes. An event has 64, and lists that grow now and then double. The logits of one step alone would
        // be 3,104 bytes, the states of one layer 1,024.
        long tensors = 80L * (model.Config.NumHiddenLayers * tensorsPerLayer + 10), perStep = tensors + 8 * 150 + 1500;
        Assert.True(managed < 100 * perStep, $"{managed / 100} bytes a step, expected fewer than {perStep}");
        Assert.True(managed > 100 * 200, $"{managed / 100} bytes a step: nothing was measured");
    }
}
