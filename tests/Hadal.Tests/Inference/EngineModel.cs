using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Models;
using Hadal.Tokenization;
using Hadal.Tokenization.Training;

namespace Hadal.Tests.Inference;

/// <summary>A tiny DeepSeek-V3 over bytes with random weights and a tokenizer, for tests of the engine.</summary>
internal sealed class EngineModel : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public EngineModel(string? endTokens = null)
    {
        BpeTrainer.Bytes("<|endoftext|>").Write(_folder.Path);
        Tokenizer = Tokenizer.Load(_folder.Path);
        Model = TinyModels.Create(ConfigText.V3.With("vocab_size", "257").With("eos_token_id", endTokens ?? "256"));
    }

    public Tokenizer Tokenizer { get; }

    public Transformer Model { get; }

    public WorkerPool Workers { get; } = new(1);

    public InferenceEngine Start(EngineOptions? options = null) => new(Model, Tokenizer, (options ?? new EngineOptions()) with { Threads = 1 });

    /// <summary>A pool of so many pages.</summary>
    public EngineOptions Pages(int pages, int running = 8) => SchedulerRun.Pages(Model, pages, running);

    /// <summary>The text that the slow oracle's tokens make.</summary>
    public string Text(int[] prompt, int[] tokens)
    {
        IncrementalDecoder decoder = Tokenizer.CreateDecoder(skipSpecial: true);
        foreach (int id in prompt) decoder.Add(id);
        return string.Concat(tokens.Select(decoder.Add)) + decoder.Flush();
    }

    public static async Task<List<GenerationEvent>> All(InferenceEngine engine, GenerationRequest request, CancellationToken cancellation = default)
    {
        List<GenerationEvent> events = [];
        await foreach (GenerationEvent e in engine.GenerateAsync(request, cancellation)) events.Add(e);
        return events;
    }

    /// <summary>Waits until nothing runs and no sequence holds a page.</summary>
    public static async Task UntilIdle(InferenceEngine engine)
    {
        for (int i = 0; i < 3000; i++)
        {
            if (engine.Statistics is { RunningSequences: 0, WaitingSequences: 0, PagesUsed: 0 }) return;
            await Task.Delay(10);
        }

        Assert.Fail($"the engine does not come to rest: {engine.Statistics}");
    }

    public void Dispose()
    {
        Model.Dispose();
        Workers.Dispose();
        _folder.Dispose();
    }
}
