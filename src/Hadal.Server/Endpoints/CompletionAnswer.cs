using Hadal.Server.Contracts;
using Hadal.Server.Http;

namespace Hadal.Server.Endpoints;

/// <summary>Sends a completion, whole or piece by piece.</summary>
internal sealed class CompletionAnswer(ApiCall call, CompletionText[] choices, int promptTokens, bool includeUsage)
{
    private readonly EventStream _events = new(call.Http.Response);
    private readonly CompletionResponse _frame =
        new($"cmpl-{Guid.NewGuid():N}", "text_completion", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(), call.Model.Id, []);

    /// <summary>Tokens of the prompts that had been computed before.</summary>
    public int CachedTokens { get; set; }

    /// <summary>Sends a piece, unless there is nothing in it.</summary>
    public ValueTask StreamAsync(CompletionChoice piece) => piece is { Text.Length: 0, Logprobs: null, FinishReason: null }
        ? ValueTask.CompletedTask
        : SendAsync(_frame with { Choices = [piece] });

    /// <summary>Ends a stream.</summary>
    public async Task EndStreamAsync()
    {
        if (includeUsage) await SendAsync(_frame with { Usage = Usage() }).ConfigureAwait(false);
        await _events.EndAsync(call.Cancellation).ConfigureAwait(false);
    }

    /// <summary>Sends all choices.</summary>
    public Task WriteAsync() => call.WriteAsync(
        _frame with { Choices = [.. choices.Select((choice, i) => choice.Whole(i))], Usage = Usage() }, ServerJson.Relaxed.CompletionResponse);

    private ValueTask SendAsync(CompletionResponse response) => _events.SendAsync(response, ServerJson.Relaxed.CompletionResponse, call.Cancellation);

    private UsageResponse Usage()
    {
        int tokens = choices.Sum(choice => choice.Tokens);
        return new UsageResponse(promptTokens, tokens, promptTokens + tokens) { PromptTokensDetails = new PromptTokensDetails(CachedTokens) };
    }
}
