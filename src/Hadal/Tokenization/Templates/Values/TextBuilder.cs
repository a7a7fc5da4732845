using System.Text;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>Joins texts, and keeps which of their characters are foreign.</summary>
internal sealed class TextBuilder
{
    private readonly StringBuilder _text = new();
    private readonly List<TextSpan> _foreign = [];

    public int Length => _text.Length;

    public TextBuilder Append(TextValue text) => Append(text, 0, text.Value.Length);

    public TextBuilder Append(TextValue text, int start, int length)
    {
        foreach (TextSpan span in text.ForeignWithin(start, length))
        {
            int at = _text.Length + span.Start - start;
            if (_foreign.Count > 0 && _foreign[^1].End == at) _foreign[^1] = _foreign[^1] with { Length = _foreign[^1].Length + span.Length };
            else _foreign.Add(new TextSpan(at, span.Length));
        }

        _text.Append(text.Value, start, length);
        return this;
    }

    public TextValue ToText() => new(_text.ToString(), [.. _foreign]);
}
