using Hadal.Inference.Chat.Parsing;

namespace Hadal.Inference.Chat;

/// <summary>One answer while it is written: events of the engine on one side, updates of the chat on the other.</summary>
internal sealed class ChatAnswer
{
    private readonly int _sample;
    private readonly ResponseParser _parser;
    private readonly RequiredCall? _required;
    private bool _called;

    /// <param name="sample">Which answer.</param>
    /// <param name="parser">Takes it apart.</param>
    /// <param name="required">The call that the prompt began.</param>
    public ChatAnswer(int sample, ResponseParser parser, RequiredCall? required)
    {
        (_sample, _parser, _required) = (sample, parser, required);
        if (required is not null) parser.Add(required.Before);
    }

    /// <summary>Tokens drawn so far.</summary>
    public int Tokens { get; private set; }

    /// <summary>How many of them were thoughts.</summary>
    public int ReasoningTokens { get; private set; }

    /// <summary>What an event brings; the last event's last update has the reason of the end.</summary>
    public List<ChatUpdate> Take(GenerationEvent e, bool tellsScores)
    {
        bool reasoned = _parser.IsReasoning;
        List<ResponsePart> parts = [.. _parser.Add(e.Text)];
        reasoned |= _parser.IsReasoning;
        if (e.Token is not null)
        {
            Tokens++;
            if (reasoned) ReasoningTokens++;
        }

        if (e.Finish == FinishReason.Stop && _required is not null) parts.AddRange(_parser.Add(_required.Closing));
        if (e.Finish is not null) parts.AddRange(_parser.Finish());
        List<ChatUpdate> updates =
            [.. parts.Select(part => new ChatUpdate(_sample) { Reasoning = part.Reasoning, Content = part.Content, ToolCall = part.Call })];
        _called |= updates.Exists(update => update.ToolCall is not null);
        if (tellsScores && e.Token is not null)
        {
            if (updates.Count == 0) updates.Add(new ChatUpdate(_sample));
            updates[0] = updates[0] with { Scored = e, IsScoredReasoning = reasoned };
        }

        if (e.Finish is { } finish) updates.Add(new ChatUpdate(_sample) { Finish = Reason(finish) });
        return updates;
    }

    private ChatFinish Reason(FinishReason finish) =>
        finish == FinishReason.Length ? ChatFinish.Length : _called ? ChatFinish.ToolCalls : ChatFinish.Stop;
}
