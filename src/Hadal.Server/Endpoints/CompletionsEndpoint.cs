using Hadal.Inference;
using Hadal.Server.Contracts;
using Hadal.Server.Http;
using Hadal.Server.Metrics;

namespace Hadal.Server.Endpoints;

/// <summary>POST /v1/completions: continues prompts as they are, without a chat template.</summary>
internal sealed class CompletionsEndpoint(ServerMetrics metrics)
{
    // OpenAI's.
    private const int DefaultTokens = 16, MostAlternatives = 20;

    public static ApiRoute Route { get; } = new("/v1/completions", "POST", Needs.Key | Needs.Model | Needs.Place);

    public async Task HandleAsync(ApiCall call)
    {
        CompletionRequest body = await call.ReadAsync(ServerJson.Relaxed.CompletionRequest).ConfigureAwait(false);
        call.CheckMembers(body.Unknown, body.Model);
        CheckUnsupported(body);
        bool isStreamed = SamplingReader.IsStreamed(body);
        int samples = SamplingReader.Samples(body, call.Options);
        IReadOnlyList<GenerationRequest> requests = Requests(call, body, samples);

        // Choices are numbered through all prompts.
        CompletionText[] choices = [.. Enumerable.Range(0, requests.Count * samples).Select(i => new CompletionText(
            call.Model.Engine.Tokenizer, requests[i / samples].Prompt, body.Echo == true, body.Logprobs is not null))];
        CompletionAnswer answer = new(call, choices, requests.Sum(request => request.Prompt.Count), body.StreamOptions?.IncludeUsage == true);
        AnswerPace pace = metrics.Pace(call.Arrived);
        IAsyncEnumerable<GenerationEvent>[] runs = [.. requests.Select(request => call.Model.Engine.GenerateAsync(request, call.Cancellation).AsBadRequests("prompt", call.Cancellation))];
        await foreach ((int run, GenerationEvent e) in SideBySide.Run(runs, call.Cancellation).ConfigureAwait(false))
        {
            int choice = (run * samples) + e.Sample;
            if (e.Token is not null) pace.Token(choice);
            if (e is { Sample: 0, Finish: not null }) answer.CachedTokens += e.CachedTokens; // samples share their prompt
            CompletionChoice piece = choices[choice].Add(choice, e, keepText: !isStreamed);
            if (isStreamed) await answer.StreamAsync(piece).ConfigureAwait(false);
        }

        await (isStreamed ? answer.EndStreamAsync() : answer.WriteAsync()).ConfigureAwait(false);
    }

    private static void CheckUnsupported(CompletionRequest body)
    {
        if (!string.IsNullOrEmpty(body.Suffix)) throw ApiException.BadValue("suffix", "is not supported: these models continue a text, they do not fill gaps");
        if (body.BestOf is { } best && best != (body.N ?? 1)) throw ApiException.BadValue("best_of", "is not supported but as the value of 'n'");
        if (body is { Echo: true, Logprobs: not null }) throw ApiException.BadValue("echo", "is not supported together with 'logprobs'");
        SamplingReader.Between(body.Logprobs ?? 0, 0, MostAlternatives, "logprobs");
    }

    private static IReadOnlyList<GenerationRequest> Requests(ApiCall call, CompletionRequest body, int samples)
    {
        int asked = body.MaxTokens ?? DefaultTokens;
        SamplingReader.Between(asked, 1, int.MaxValue, "max_tokens");
        IReadOnlyList<int[]> prompts = TokenInputs.Read(call, body.Prompt, "prompt", call.Options.ParsesSpecialTokens);
        SamplingOptions sampling = SamplingReader.Sampling(body, call.Model.Engine.Tokenizer.VocabSize);
        IReadOnlyList<string> stops = SamplingReader.Stops(body);
        return
        [
            .. prompts.Select((prompt, i) => new GenerationRequest(
                prompt, Math.Min(Bounds.AnswerTokens(call, asked)!.Value, call.Model.Engine.ContextLength - prompt.Length),
                sampling with { Seed = unchecked(sampling.Seed + ((long)i * samples)) }) // every choice draws for itself
            {
                Samples = samples,
                StopStrings = stops,
                TopLogProbs = body.Logprobs,
            }),
        ];
    }
}
