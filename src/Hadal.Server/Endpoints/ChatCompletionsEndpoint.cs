using Hadal.Inference.Chat;
using Hadal.Server.Contracts;
using Hadal.Server.Http;
using Hadal.Server.Metrics;

namespace Hadal.Server.Endpoints;

/// <summary>POST /v1/chat/completions: the assistant's answer to a conversation.</summary>
internal sealed class ChatCompletionsEndpoint(ServerMetrics metrics)
{
    public static ApiRoute Route { get; } = new("/v1/chat/completions", "POST", Needs.Key | Needs.Model | Needs.Place);

    public async Task HandleAsync(ApiCall call)
    {
        ChatCompletionRequest body = await call.ReadAsync(ServerJson.Relaxed.ChatCompletionRequest).ConfigureAwait(false);
        call.CheckMembers(body.Unknown, body.Model);
        if (call.Model.Chat is not { } chat) throw new ApiException(400, $"the model '{call.Model.Id}' has no chat template, only /v1/completions can be used", "model");
        bool isStreamed = SamplingReader.IsStreamed(body);
        ChatRequest request = ChatRequestReader.Read(call, body);
        IAsyncEnumerable<ChatUpdate> updates = Timed(call, chat.RespondAsync(request, call.Cancellation).AsBadRequests("messages", call.Cancellation));
        if (body.ParallelToolCalls == false) updates = FirstToolCalls(updates);
        if (isStreamed) await ChatStream.SendAsync(call, updates, body.StreamOptions?.IncludeUsage == true).ConfigureAwait(false);
        else await ChatAnswer.SendAsync(call, updates, request.Samples).ConfigureAwait(false);
    }

    private async IAsyncEnumerable<ChatUpdate> Timed(ApiCall call, IAsyncEnumerable<ChatUpdate> updates)
    {
        AnswerPace pace = metrics.Pace(call.Arrived);
        await foreach (ChatUpdate update in updates.ConfigureAwait(false))
        {
            if (update is not { Content: null, Reasoning: null, ToolCall: null, Scored: null }) pace.Token(update.Sample);
            yield return update;
        }
    }

    // A model can't be kept from calling several tools, but a client that takes one gets one.
    private static async IAsyncEnumerable<ChatUpdate> FirstToolCalls(IAsyncEnumerable<ChatUpdate> updates)
    {
        HashSet<int> called = [];
        await foreach (ChatUpdate update in updates.ConfigureAwait(false))
        {
            yield return update.ToolCall is null || called.Add(update.Sample) ? update : update with { ToolCall = null };
        }
    }
}
