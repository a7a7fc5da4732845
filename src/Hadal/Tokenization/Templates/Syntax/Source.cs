namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>
/// A template's text as Jinja sees it: lines end in one line feed, and a last line break is dropped. Knows the line and column of every
/// offset.
/// </summary>
internal sealed class Source
{
    // Real templates have a few thousand characters; the bound keeps parsing within a few megabytes.
    private const int Longest = 1_000_000;

    private readonly List<int> _lineStarts = [0];

    public Source(string text, string name)
    {
        Name = name;
        if (text.Length > Longest)
        {
            throw new TemplateException(name, $"the template has {text.Length} characters, expected at most {Longest}");
        }

        Text = text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        if (Text.EndsWith('\n')) Text = Text[..^1];
        for (int i = 0; i < Text.Length; i++)
        {
            if (Text[i] == '\n') _lineStarts.Add(i + 1);
        }
    }

    public string Name { get; }

    public string Text { get; }

    public Position At(int offset)
    {
        int line = _lineStarts.BinarySearch(offset);
        if (line < 0) line = ~line - 1;
        return new Position(line + 1, offset - _lineStarts[line] + 1);
    }

    public TemplateException Fail(int offset, string problem) => Fail(At(offset), problem);

    public TemplateException Fail(Position at, string problem) => new(Name, at.Line, at.Column, problem);
}
