using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>
/// Cuts a template into text and tags, with Jinja's rules for white space under <c>trim_blocks</c> and <c>lstrip_blocks</c>, the settings
/// that chat templates are written for: a line break right after a block or comment goes, and so does the indentation before one; a minus
/// takes all white space on its side, a plus keeps it.
/// </summary>
internal sealed class Lexer
{
    private readonly Source _source;
    private readonly string _text;
    private readonly List<Token> _tokens = [];
    private int _at;

    private Lexer(Source source)
    {
        _source = source;
        _text = source.Text;
    }

    public static List<Token> Tokenize(Source source)
    {
        Lexer lexer = new(source);
        lexer.Root();
        lexer._tokens.Add(new Token(TokenKind.End, "", source.At(source.Text.Length)));
        return lexer._tokens;
    }

    private void Root()
    {
        while (_at < _text.Length)
        {
            int open = NextTag();
            if (open < 0)
            {
                Data(_at, _text.Length);
                return;
            }

            char kind = _text[open + 1];
            char sign = open + 2 < _text.Length && _text[open + 2] is '-' or '+' ? _text[open + 2] : ' ';
            int start = _at;
            _at = open + (sign == ' ' ? 2 : 3);
            Data(start, TextEnd(start, open, sign, lstrip: kind != '{'));
            if (kind == '#') Comment(open);
            else if (kind == '{') Inside(open, TokenKind.OutputBegin);
            else if (!Raw(open)) Inside(open, TokenKind.BlockBegin);
        }
    }

    /// <summary>The offset of the next tag's brace, or -1.</summary>
    private int NextTag()
    {
        int open = _text.IndexOf('{', _at);
        while (open >= 0 && (open + 1 == _text.Length || _text[open + 1] is not ('{' or '%' or '#')))
        {
            open = _text.IndexOf('{', open + 1);
        }

        return open;
    }

    private void Data(int start, int end)
    {
        if (end > start) _tokens.Add(new Token(TokenKind.Data, _text[start..end], _source.At(start)));
    }

    /// <summary>
    /// Where the text that starts at <paramref name="start"/> ends once the tag at <paramref name="tag"/> has had its way.
    /// </summary>
    private int TextEnd(int start, int tag, char sign, bool lstrip)
    {
        int end = tag;
        while (end > start && Whitespace.Is(_text[end - 1])) end--;
        if (sign == '-') return end;
        if (sign == '+' || !lstrip || end == tag) return tag;

        // Indentation goes only if nothing but white space stands between the tag and the start of its line.
        int line = _text.LastIndexOf('\n', tag - 1, tag - start) + 1;
        bool lineStartsHere = line > start || start == 0 || _text[start - 1] == '\n';
        line = Math.Max(line, start);
        return lineStartsHere && end <= line ? line : tag;
    }

    private void Comment(int open)
    {
        int close = _text.IndexOf("#}", _at, StringComparison.Ordinal);
        if (close < 0) throw _source.Fail(open, "the comment has no end, expected '#}'");
        char sign = close > _at ? _text[close - 1] : ' ';
        _at = close + 2;
        AfterTag(sign, trim: true);
    }

    /// <summary>Passes over the white space that the end of a tag takes with it.</summary>
    private void AfterTag(char sign, bool trim)
    {
        if (sign == '-') SkipWhitespace();
        else if (sign != '+' && trim && _at < _text.Length && _text[_at] == '\n') _at++;
    }

    private void SkipWhitespace()
    {
        while (_at < _text.Length && Whitespace.Is(_text[_at])) _at++;
    }

    /// <summary>Reads a raw block, if this is one; what it holds is text.</summary>
    private bool Raw(int open)
    {
        int at = _at;
        if (!Word("raw", ref at)) return false;
        bool minus = Follows(at, "-%}");
        if (!minus && !Follows(at, "%}")) return false;
        _at = at + (minus ? 3 : 2);
        if (minus) SkipWhitespace();

        int start = _at;
        for (int tag = _text.IndexOf("{%", start, StringComparison.Ordinal); tag >= 0;
             tag = _text.IndexOf("{%", tag + 2, StringComparison.Ordinal))
        {
            at = tag + 2;
            char sign = at < _text.Length && _text[at] is '-' or '+' ? _text[at++] : ' ';
            if (!Word("endraw", ref at)) continue;
            char closing = at < _text.Length ? _text[at] : ' ';
            if (closing is '-' or '+') at++;
            if (!Follows(at, "%}")) continue;
            Data(start, TextEnd(start, tag, sign, lstrip: true));
            _at = at + 2;
            AfterTag(closing, trim: true);
            return true;
        }

        throw _source.Fail(open, "the raw block has no end, expected '{% endraw %}'");
    }

    private bool Word(string word, ref int at)
    {
        while (at < _text.Length && Whitespace.Is(_text[at])) at++;
        if (!Follows(at, word)) return false;
        at += word.Length;
        while (at < _text.Length && Whitespace.Is(_text[at])) at++;
        return true;
    }

    private bool Follows(int at, string text) => string.CompareOrdinal(_text, at, text, 0, text.Length) == 0;

    private void Inside(int open, TokenKind begin)
    {
        bool block = begin == TokenKind.BlockBegin;
        string close = block ? "%}" : "}}";
        _tokens.Add(new Token(begin, "", _source.At(open)));
        TagLexer inside = new(_source, _tokens);
        while (_at < _text.Length)
        {
            // A '}}' within braces closes two mappings, not the tag.
            if (!inside.HasOpenBracket)
            {
                char sign = _text[_at] == '-' || (block && _text[_at] == '+') ? _text[_at] : ' ';
                int at = sign == ' ' ? _at : _at + 1;
                if (Follows(at, close))
                {
                    _tokens.Add(new Token(block ? TokenKind.BlockEnd : TokenKind.OutputEnd, "", _source.At(_at)));
                    _at = at + 2;
                    AfterTag(sign, trim: block);
                    return;
                }
            }

            _at = inside.Read(_at);
        }

        throw _source.Fail(open, $"the tag has no end, expected '{close}'");
    }
}
