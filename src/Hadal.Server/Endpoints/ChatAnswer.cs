using System.Text;
using Hadal.Inference;
using Hadal.Inference.Chat;
using Hadal.Server.Contracts;
using Hadal.Server.Http;
using Hadal.Tokenization;

namespace Hadal.Server.Endpoints;

/// <summary>Collects the answers to a conversation and sends them whole.</summary>
internal static class ChatAnswer
{
    /// <summary>Waits for all answers, then sends them.</summary>
    public static async Task SendAsync(ApiCall call, IAsyncEnumerable<ChatUpdate> updates, int samples)
    {
        Collected[] answers = [.. Enumerable.Range(0, samples).Select(_ => new Collected(call.Model.Engine.Tokenizer))];
        ChatUsage? usage = null;
        await foreach (ChatUpdate update in updates.ConfigureAwait(false))
        {
            answers[update.Sample].Add(update);
            usage ??= update.Usage;
        }

        ChatCompletionResponse response = new(
            ChatNames.NewId(), "chat.completion", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(), call.Model.Id,
            [.. answers.Select((answer, i) => answer.Choice(i))],
            ChatNames.Usage(usage ?? throw new InvalidOperationException("a conversation's answer ended without its usage")));
        await call.WriteAsync(response, ServerJson.Relaxed.ChatCompletionResponse).ConfigureAwait(false);
    }

    private sealed class Collected(Tokenizer tokenizer)
    {
        private readonly StringBuilder _content = new(), _reasoning = new();
        private readonly List<ToolCallResponse> _calls = [];
        private readonly List<TokenLogprob> _scores = [];
        private ChatFinish? _finish;

        public void Add(ChatUpdate update)
        {
            _content.Append(update.Content);
            _reasoning.Append(update.Reasoning);
            if (update.ToolCall is { } call) _calls.Add(ChatNames.ToolCall(call));
            if (update is { IsScoredReasoning: false, Scored: { Token: { } token } scored }) _scores.Add(ChatLogprobsWriter.Write(tokenizer, token, scored.Alternatives));
            _finish ??= update.Finish;
        }

        public ChatChoice Choice(int index)
        {
            AnswerMessage message = new("assistant")
            {
                Content = _content.Length == 0 && _calls.Count > 0 ? null : _content.ToString(),
                ReasoningContent = _reasoning.Length == 0 ? null : _reasoning.ToString(),
                ToolCalls = _calls.Count == 0 ? null : _calls,
            };
            string finish = ChatNames.Finish(_finish ?? throw new InvalidOperationException($"answer {index} ended without a reason"));
            return new ChatChoice(index, message, finish) { Logprobs = _scores.Count == 0 ? null : new ChatLogprobs(_scores) };
        }
    }
}
