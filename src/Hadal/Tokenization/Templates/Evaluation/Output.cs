using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>The text that a template, a macro or a block prints.</summary>
internal sealed class Output(Run run)
{
    private readonly TextBuilder _text = new();

    public int Length => _text.Length;

    public void Write(TextValue text)
    {
        run.Charge(1 + (text.Value.Length / 4));
        if (_text.Length + text.Value.Length > run.LongestText)
        {
            throw run.Fail($"the output gets longer than the {run.LongestText} characters that it may have");
        }

        _text.Append(text);
    }

    public TextValue ToText() => _text.ToText();
}
