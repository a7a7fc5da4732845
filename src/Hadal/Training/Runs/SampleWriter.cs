using Hadal.Inference;
using Hadal.Tokenization;

namespace Hadal.Training;

/// <summary>Lets the model continue the recipe's prompts, with the same draws every time, so that samples show the model and not the luck.</summary>
internal static class SampleWriter
{
    /// <summary>Fails if a prompt could not be continued: said at the start, not when the first sample is due.</summary>
    /// <exception cref="RecipeException">A prompt has no token, or leaves no room in the context.</exception>
    public static void RequireRoom(SampleOptions options, Tokenizer tokenizer, int context)
    {
        for (int i = 0; i < options.Prompts.Count; i++)
        {
            int tokens = tokenizer.Encode(options.Prompts[i], addSpecial: true).Length;
            if (tokens > 0 && tokens < context) continue;
            throw new RecipeException($"the recipe's samples.prompts[{i}] has {tokens} tokens, expected 1 to {context - 1}, since the model's context is {context}.");
        }
    }

    /// <summary>Writes one sample for each prompt.</summary>
    public static IReadOnlyList<SampleText> Write(PreparedRun run, int step, CancellationToken cancellation)
    {
        SampleOptions options = run.Recipe.Samples;
        SamplingOptions sampling = new() { Temperature = options.Temperature, Seed = run.Recipe.Seed };
        int room = run.Model.Config.MaxPositionEmbeddings;
        GenerationRequest[] requests =
        [
            .. options.Prompts.Select(prompt => run.Tokenizer.Encode(prompt, addSpecial: true))
                .Select(ids => new GenerationRequest(ids, Math.Min(options.MaxTokens, room - ids.Length), sampling)),
        ];
        List<int>[] drawn = [.. requests.Select(_ => new List<int>())];
        try
        {
            new TextGenerator(run.Model, run.Workers).Run(requests, (request, token) => drawn[request].Add(token), cancellation: cancellation);
        }
        catch (OperationCanceledException)
        {
            // The run stops after this, and what was drawn until now is still worth showing.
        }

        return [.. drawn.Select((ids, i) => new SampleText { Step = step, Prompt = options.Prompts[i], Text = run.Tokenizer.Decode([.. ids], skipSpecial: true) })];
    }
}
