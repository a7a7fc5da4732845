namespace Hadal.Inference.Chat.Parsing;

/// <summary>
/// Takes a response apart while it is written: thoughts in the tags of R1, calls of tools, and what is said. What it returns does not
/// depend on how the text was cut into pieces, but for where the parts are cut. White space around thoughts is dropped. For one caller.
/// </summary>
internal sealed class ResponseParser(ThinkTags tags, ToolCallReader? tools)
{
    private const string Opening = "<think>", Closing = "</think>";
    private static readonly string[] s_closing = [Closing];

    private State _state = tags switch
    {
        ThinkTags.Opened => State.ThoughtsBegin,
        ThinkTags.Closed => State.Content,
        _ => State.Undecided,
    };

    private string _held = "";

    private enum State
    {
        Undecided,
        ThoughtsBegin,
        Thoughts,
        Gap,
        Content,
    }

    /// <summary>Whether what comes next belongs to the thoughts.</summary>
    public bool IsReasoning => _state is State.ThoughtsBegin or State.Thoughts;

    /// <summary>Takes more of the response; returns what is certain now.</summary>
    public IReadOnlyList<ResponsePart> Add(string text)
    {
        if (text.Length == 0) return [];
        _held += text;
        return Advance(ended: false);
    }

    /// <summary>Ends the response; returns what was held back. A call that was begun and not completed is content.</summary>
    public IReadOnlyList<ResponsePart> Finish() => Advance(ended: true);

    private List<ResponsePart> Advance(bool ended)
    {
        List<ResponsePart> parts = [];
        while (Step(parts, ended))
        {
        }

        if (ended) tools?.Finish(parts);
        return parts;
    }

    // Whether the state changed, so that there may be more to do.
    private bool Step(List<ResponsePart> parts, bool ended)
    {
        switch (_state)
        {
            case State.Undecided:
                string start = _held.TrimStart();
                if (!ended && Opening.StartsWith(start, StringComparison.Ordinal) && start.Length < Opening.Length) return false;
                bool thinks = start.StartsWith(Opening, StringComparison.Ordinal);
                if (thinks) _held = start[Opening.Length..];
                _state = thinks ? State.ThoughtsBegin : State.Content;
                return true;
            case State.ThoughtsBegin:
                _held = _held.TrimStart();
                if (_held.Length == 0) return false;
                _state = State.Thoughts;
                return true;
            case State.Thoughts:
                int end = _held.IndexOf(Closing, StringComparison.Ordinal);
                bool closed = end >= 0;
                string thought = closed ? _held[..end].TrimEnd() : ended ? _held.TrimEnd() : _held[..Markers.Certain(_held, s_closing)];
                if (thought.Length > 0) parts.Add(new ResponsePart(Reasoning: thought));
                _held = closed ? _held[(end + Closing.Length)..] : ended ? "" : _held[thought.Length..];
                if (closed) _state = State.Gap;
                return closed;
            case State.Gap:
                _held = _held.TrimStart();
                if (_held.Length == 0) return false;
                _state = State.Content;
                return true;
            default:
                string content = _held;
                _held = "";
                if (tools is not null) tools.Add(content, parts);
                else if (content.Length > 0) parts.Add(new ResponsePart(Content: content));
                return false;
        }
    }
}
