namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>What a token is.</summary>
internal enum TokenKind
{
    Data,
    OutputBegin,
    OutputEnd,
    BlockBegin,
    BlockEnd,
    Name,
    Text,
    Integer,
    Float,
    Operator,
    End,
}

/// <summary>A piece of a template. <paramref name="Text"/> is what it stands for: of a string literal, the string.</summary>
internal readonly record struct Token(TokenKind Kind, string Text, Position At)
{
    public bool IsName(string name) => Kind == TokenKind.Name && Text == name;

    public bool IsOperator(string symbol) => Kind == TokenKind.Operator && Text == symbol;

    /// <summary>The token for a message: what was found.</summary>
    public string Found() => Kind switch
    {
        TokenKind.Data => "text",
        TokenKind.OutputBegin => "'{{'",
        TokenKind.OutputEnd => "'}}'",
        TokenKind.BlockBegin => "'{%'",
        TokenKind.BlockEnd => "'%}'",
        TokenKind.Text => "the string " + TemplateException.Quote(Text),
        TokenKind.Integer or TokenKind.Float => "the number " + TemplateException.Quote(Text),
        TokenKind.End => "the end of the template",
        _ => TemplateException.Quote(Text),
    };
}
