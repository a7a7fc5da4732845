using System.Text;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>The text that a template, a macro or a block prints.</summary>
internal sealed class Output(Run run)
{
    private readonly StringBuilder _text = new();

    public int Length => _text.Length;

    public void Write(string text)
    {
        run.Charge(1 + (text.Length / 4));
        if (_text.Length + text.Length > run.LongestText)
        {
            throw run.Fail($"the output gets longer than the {run.LongestText} characters that it may have");
        }

        _text.Append(text);
    }

    public override string ToString() => _text.ToString();
}
