using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>The tokens inside of a tag: names, numbers, strings and operators.</summary>
internal sealed class TagLexer(Source source, List<Token> tokens)
{
    private static readonly string[] TwoCharacterOperators = ["//", "**", "==", "!=", ">=", "<="];

    private readonly string _text = source.Text;
    private readonly Stack<char> _closing = new();

    /// <summary>Whether a bracket is open, so that the tag can't end here.</summary>
    public bool HasOpenBracket => _closing.Count > 0;

    /// <summary>Reads the token at an offset, or passes over white space; the offset after it.</summary>
    public int Read(int at)
    {
        char c = _text[at];
        if (Whitespace.Is(c)) return at + 1;
        if (char.IsAsciiDigit(c)) return Number(at);
        if (c == '_' || char.IsLetter(c)) return Name(at);
        return c is '\'' or '"' ? Text(at) : Operator(at);
    }

    private int Add(TokenKind kind, int start, int end)
    {
        tokens.Add(new Token(kind, _text[start..end], source.At(start)));
        return end;
    }

    private int Name(int start)
    {
        int at = start + 1;
        while (at < _text.Length && (_text[at] == '_' || char.IsLetterOrDigit(_text[at]))) at++;
        return Add(TokenKind.Name, start, at);
    }

    private int Number(int start)
    {
        int at = Digits(start);
        TokenKind kind = TokenKind.Integer;
        // In 'items.0.5' the digits after a dot are an index, never a fraction.
        if (start == 0 || _text[start - 1] != '.')
        {
            if (IsDigit(at + 1) && _text[at] == '.')
            {
                kind = TokenKind.Float;
                at = Digits(at + 1);
            }

            int exponent = at < _text.Length && _text[at] is 'e' or 'E' ? at + 1 : -1;
            if (exponent > 0 && exponent < _text.Length && _text[exponent] is '+' or '-') exponent++;
            if (exponent > 0 && IsDigit(exponent))
            {
                kind = TokenKind.Float;
                at = Digits(exponent);
            }
        }

        if (at < _text.Length && (_text[at] == '_' || char.IsLetter(_text[at])))
        {
            throw source.Fail(at, $"found {TemplateException.Quote(_text[at].ToString())} in a number, expected decimal digits");
        }

        if (kind == TokenKind.Integer && at > start + 1 && _text[start] == '0' && _text.AsSpan(start, at - start).ContainsAnyExcept("0_"))
        {
            throw source.Fail(start, "found a whole number with a leading zero, expected none");
        }

        tokens.Add(new Token(kind, _text[start..at].Replace("_", "", StringComparison.Ordinal), source.At(start)));
        return at;
    }

    private bool IsDigit(int at) => at < _text.Length && char.IsAsciiDigit(_text[at]);

    private int Digits(int at)
    {
        while (IsDigit(at) || (at < _text.Length && _text[at] == '_' && IsDigit(at + 1))) at++;
        return at;
    }

    private int Text(int start)
    {
        int at = start + 1;
        while (at < _text.Length && _text[at] != _text[start]) at += _text[at] == '\\' ? 2 : 1;
        if (at >= _text.Length) throw source.Fail(start, $"the string has no end, expected {_text[start]}");
        string value = StringLiteral.Unescape(source, start + 1, at);
        tokens.Add(new Token(TokenKind.Text, value, source.At(start)));
        return at + 1;
    }

    private int Operator(int at)
    {
        foreach (string symbol in TwoCharacterOperators)
        {
            if (string.CompareOrdinal(_text, at, symbol, 0, 2) == 0) return Add(TokenKind.Operator, at, at + 2);
        }

        char c = _text[at];
        if (!"+-/*%~[](){}><=.:|,;".Contains(c, StringComparison.Ordinal))
        {
            throw source.Fail(at, $"found {TemplateException.Quote(c.ToString())}, expected a name, a number, a string or an operator");
        }

        if (c is '(' or '[' or '{') _closing.Push(c == '(' ? ')' : c == '[' ? ']' : '}');
        if (c is ')' or ']' or '}' && (!_closing.TryPop(out char expected) || expected != c))
        {
            throw source.Fail(at, $"found '{c}', which closes nothing that is open here");
        }

        return Add(TokenKind.Operator, at, at + 1);
    }
}
