using System.Text;

namespace Hadal.Inference.Chat.Parsing;

/// <summary>
/// Calls between an opening and a closing marker, possibly wrapped in further markers. A closing marker within a call's arguments does not
/// end it: a call ends at the first closing marker that makes it one. White space around calls is dropped.
/// </summary>
/// <param name="opening">What begins a call.</param>
/// <param name="closing">What ends it.</param>
/// <param name="wrappers">Markers around calls, which say nothing of their own.</param>
/// <param name="parse">Reads what stands between; null if it is no call.</param>
internal sealed class MarkedCallReader(string opening, string closing, IReadOnlyList<string> wrappers, Func<string, ToolCall?> parse) : ToolCallReader
{
    private readonly string[] _markers = [opening, .. wrappers];

    // Markup since the last call, which is content if no call comes of it.
    private readonly StringBuilder _markup = new();
    private string _held = "";
    private int _callStart = -1, _searched, _calls;

    public override void Add(string text, List<ResponsePart> parts)
    {
        if (_callStart < 0) _held += text;
        else _markup.Append(text);
        while (_callStart < 0 ? ReadContent(parts) : ReadCall(parts))
        {
        }
    }

    public override void Finish(List<ResponsePart> parts)
    {
        string rest = _markup + _held;
        if (rest.Length > 0 && !(_calls > 0 && string.IsNullOrWhiteSpace(rest))) parts.Add(new ResponsePart(Content: rest));
    }

    private bool ReadContent(List<ResponsePart> parts)
    {
        int at = Markers.Find(_held, _markers, out string marker);
        int certain = at >= 0 ? at : Markers.Certain(_held, _markers);
        if (!_held.AsSpan(0, certain).IsWhiteSpace())
        {
            string content = _markup + _held[..certain];
            _markup.Clear();
            int end = content.AsSpan().TrimEnd().Length;
            parts.Add(new ResponsePart(Content: content[..end]));
            _held = content[end..] + _held[certain..];
            return at >= 0;
        }

        if (at < 0) return false;
        if (marker == opening || _calls == 0) _markup.Append(_held, 0, at + marker.Length);
        _held = _held[(at + marker.Length)..];
        if (marker != opening) return true;
        (_callStart, _searched) = (_markup.Length, _markup.Length);
        _markup.Append(_held);
        _held = "";
        return true;
    }

    private bool ReadCall(List<ResponsePart> parts)
    {
        while (true)
        {
            int at = _markup.ToString(_searched, _markup.Length - _searched).IndexOf(closing, StringComparison.Ordinal);
            if (at < 0)
            {
                _searched = Math.Max(_searched, _markup.Length - closing.Length + 1);
                return false;
            }

            int end = _searched + at;
            _searched = end + closing.Length;
            if (parse(_markup.ToString(_callStart, end - _callStart)) is not { } call) continue;
            parts.Add(new ResponsePart(Call: call));
            _calls++;
            _held = _markup.ToString(_searched, _markup.Length - _searched);
            _callStart = -1;
            _markup.Clear();
            return true;
        }
    }
}
