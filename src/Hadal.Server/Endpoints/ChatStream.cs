using Hadal.Inference;
using Hadal.Inference.Chat;
using Hadal.Server.Contracts;
using Hadal.Server.Http;

namespace Hadal.Server.Endpoints;

/// <summary>Sends the answers to a conversation as they grow.</summary>
internal static class ChatStream
{
    private const string ObjectName = "chat.completion.chunk";

    /// <summary>Sends each update as an event.</summary>
    public static async Task SendAsync(ApiCall call, IAsyncEnumerable<ChatUpdate> updates, bool includeUsage)
    {
        EventStream events = new(call.Http.Response);
        (string id, long created) = (ChatNames.NewId(), TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
        Dictionary<int, int> toolCalls = []; // how many each answer has made; an answer that has begun is in it
        ChatUsage? usage = null;
        await foreach (ChatUpdate update in updates.ConfigureAwait(false))
        {
            usage ??= update.Usage;
            if (toolCalls.TryAdd(update.Sample, 0)) await SendChoiceAsync(new ChunkChoice(update.Sample, new Delta { Role = "assistant", Content = "" })).ConfigureAwait(false);
            if (Piece(call, update, toolCalls) is { } piece) await SendChoiceAsync(piece).ConfigureAwait(false);
            if (update.Finish is { } finish)
            {
                await SendChoiceAsync(new ChunkChoice(update.Sample, new Delta()) { FinishReason = ChatNames.Finish(finish) }).ConfigureAwait(false);
            }
        }

        if (includeUsage)
        {
            UsageResponse total = ChatNames.Usage(usage ?? throw new InvalidOperationException("a conversation's answer ended without its usage"));
            await SendAsync([], total).ConfigureAwait(false);
        }

        await events.EndAsync(call.Cancellation).ConfigureAwait(false);

        ValueTask SendChoiceAsync(ChunkChoice choice) => SendAsync([choice], null);

        ValueTask SendAsync(IReadOnlyList<ChunkChoice> choices, UsageResponse? total) => includeUsage
            ? events.SendAsync(
                new ChatChunkWithUsage(id, ObjectName, created, call.Model.Id, choices) { Usage = total }, ServerJson.Relaxed.ChatChunkWithUsage, call.Cancellation)
            : events.SendAsync(new ChatChunk(id, ObjectName, created, call.Model.Id, choices), ServerJson.Relaxed.ChatChunk, call.Cancellation);
    }

    private static ChunkChoice? Piece(ApiCall call, ChatUpdate update, Dictionary<int, int> toolCalls)
    {
        if (update is { Content: null, Reasoning: null, ToolCall: null, Scored: null }) return null;
        ToolCallResponse[]? calls = update.ToolCall is { } made ? [ChatNames.ToolCall(made, toolCalls[update.Sample]++)] : null;
        Delta delta = new() { Content = update.Content, ReasoningContent = update.Reasoning, ToolCalls = calls };
        ChatLogprobs? scores = update is { IsScoredReasoning: false, Scored: { Token: { } token } scored }
            ? new ChatLogprobs([ChatLogprobsWriter.Write(call.Model.Engine.Tokenizer, token, scored.Alternatives)])
            : null;
        return new ChunkChoice(update.Sample, delta) { Logprobs = scores };
    }
}
