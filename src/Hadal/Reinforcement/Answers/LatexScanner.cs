using System.Collections.Frozen;

namespace Hadal.Reinforcement.Answers;

/// <summary>
/// Cuts an answer into tokens and drops what carries no meaning: delimiters of formulas, sizes, thin spaces, currency, degrees, percent
/// signs, separators of thousands. Different spellings of one thing become one token. One pass over the text.
/// </summary>
internal ref struct LatexScanner
{
    private static readonly FrozenSet<string> s_ignored = FrozenSet.ToFrozenSet(
    [
        "left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "displaystyle", "textstyle", "limits", "mathstrut", "quad", "qquad",
        "degree", "percent", "boxed", "ensuremath",
    ]);

    private static readonly FrozenSet<string> s_textual = FrozenSet.ToFrozenSet(
        ["text", "mbox", "textbf", "textit", "textrm", "mathrm", "mathbf", "mathit", "operatorname", "hbox", "texttt"]);

    private static readonly FrozenDictionary<string, string> s_spellings = FrozenDictionary.ToFrozenDictionary<(string From, string To), string, string>(
    [
        ("dfrac", "frac"), ("tfrac", "frac"), ("cfrac", "frac"), ("infinity", "infty"), ("lbrace", "{"), ("rbrace", "}"), ("lvert", "|"),
        ("rvert", "|"), ("vert", "|"), ("mid", "|"), ("cdot", "*"), ("times", "*"), ("ast", "*"), ("div", "/"), ("leq", "le"), ("geq",
        "ge"), ("lbrack", "["), ("rbrack", "]"), ("inf", "infty"), ("asin", "arcsin"), ("acos", "arccos"), ("atan", "arctan"),
    ], static pair => pair.From, static pair => pair.To);

    private static readonly FrozenDictionary<char, string> s_characters = FrozenDictionary.ToFrozenDictionary<(char From, string To), char, string>(
    [
        ('×', "*"), ('·', "*"), ('⋅', "*"), ('÷', "/"), ('−', "-"), ('–', "-"), ('π', "pi"), ('∞', "infty"), ('√', "sqrt"), ('∪', "cup"),
        ('∈', "in"), ('±', "pm"), ('≤', "le"), ('≥', "ge"),
    ], static pair => pair.From, static pair => pair.To);

    // Words that plain text uses for what is a command in LaTeX.
    private static readonly FrozenSet<string> s_plainCommands = FrozenSet.ToFrozenSet(["sqrt", "pi", "infty", "infinity", "inf", "frac", "abs"]);

    private readonly ReadOnlySpan<char> _text;
    private readonly List<LatexToken> _tokens = [];
    private int _at;
    private bool _space;
    private bool _bracketed; // a bracket has come: commas part the things within
    private bool _grouped;   // the number being read has had a separator of thousands
    private int _digits;     // since its start or its last separator

    private LatexScanner(ReadOnlySpan<char> text) => _text = text;

    public static List<LatexToken> Scan(ReadOnlySpan<char> text)
    {
        LatexScanner scanner = new(text);
        while (scanner._at < text.Length) scanner.Next();
        return scanner._tokens;
    }

    private void Next()
    {
        char c = _text[_at];
        if (c == '\\') Command();
        else if (char.IsAsciiDigit(c)) Take(LatexTokenKind.Digit, c.ToString(), 1);
        else if (char.IsAsciiLetter(c)) Letters();
        else if (char.IsWhiteSpace(c) || c == '~') Skip(1, space: true);
        else if (c is '$' or '%' or '°' or '\u200b' or '\ufeff') Skip(1, space: false);
        else if (c == '^' && CircleEnd() is { } end) _at = end;
        else if (c == ',' && ThousandsEnd() is { } next) (_at, _grouped, _digits) = (next, true, 0);
        else if (s_characters.TryGetValue(c, out string? spelling)) Known(spelling, 1);
        else if (char.IsLetter(c)) Take(LatexTokenKind.Letter, c.ToString(), 1);
        else Take(LatexTokenKind.Symbol, c.ToString(), 1);
    }

    private void Command()
    {
        int end = _at + 1;
        while (end < _text.Length && char.IsAsciiLetter(_text[end])) end++;
        string name = _text[(_at + 1)..end].ToString();
        if (name.Length == 0) Escape();
        else if (s_ignored.Contains(name)) Skip(end - _at, space: true);
        else if (s_textual.Contains(name)) Textual(end);
        else if (name is "begin" or "end") Environment(name, end);
        else Known(s_spellings.GetValueOrDefault(name, name), end - _at);
    }

    // A backslash and one character: \\ ends a row, \{ is a brace, and the rest is spacing or an escaped sign.
    private void Escape()
    {
        char c = _at + 1 < _text.Length ? _text[_at + 1] : ' ';
        if (c is '\\' or '{' or '}' or '|') Take(LatexTokenKind.Command, c == '|' ? "|" : c.ToString(), 2);
        else Skip(2, space: c != '!');
    }

    private void Textual(int end)
    {
        while (end < _text.Length && _text[end] == ' ') end++;
        if (end >= _text.Length || _text[end] != '{' || _text[end..].IndexOf('}') is not (> 0 and int length))
        {
            Skip(end - _at, space: true);
            return;
        }

        string content = _text.Slice(end + 1, length - 1).Trim().ToString();
        string inner = content is ['(', _, ')'] ? content[1..2] : content; // \text{(C)} is the choice C
        if (inner.Length == 1 && char.IsAsciiLetter(inner[0])) Take(LatexTokenKind.Letter, inner, end + length + 1 - _at);
        else if (inner.Length > 0 && inner.All(char.IsAsciiDigit)) Digits(inner, end + length + 1 - _at);
        else Take(LatexTokenKind.Words, content.TrimEnd('.').ToLowerInvariant(), end + length + 1 - _at);
    }

    // \text{12} is the number 12.
    private void Digits(string digits, int length)
    {
        for (int i = 0; i < digits.Length; i++) Take(LatexTokenKind.Digit, digits[i..(i + 1)], i == 0 ? length : 0);
    }

    private void Environment(string name, int end)
    {
        int close = end < _text.Length && _text[end] == '{' ? _text[end..].IndexOf('}') : -1;
        bool matrix = close > 0 && _text.Slice(end + 1, close - 1) is "pmatrix" or "bmatrix" or "matrix" or "vmatrix" or "Bmatrix";
        Take(LatexTokenKind.Command, matrix ? name : name + "?", matrix ? end + close + 1 - _at : end - _at);
    }

    private void Letters()
    {
        int end = _at;
        while (end < _text.Length && char.IsAsciiLetter(_text[end])) end++;
        string word = _text[_at..end].ToString();
        if (s_plainCommands.Contains(word) || FunctionFormula.IsKnown(word)) Known(s_spellings.GetValueOrDefault(word, word), word.Length);
        else if (word.Length > 2 || word is "or" or "cm" or "mm" or "km" or "kg" or "ft") Take(LatexTokenKind.Words, word.ToLowerInvariant(), word.Length);
        else Take(LatexTokenKind.Letter, word[..1], 1);
    }

    private void Known(string spelling, int length) =>
        Take(spelling.Length == 1 ? LatexTokenKind.Symbol : LatexTokenKind.Command, spelling, length);

    // ^\circ and ^{\circ}: the place after it, or null if this is another power.
    private readonly int? CircleEnd()
    {
        ReadOnlySpan<char> rest = _text[(_at + 1)..];
        int skipped = rest.Length - rest.TrimStart().Length;
        rest = rest.TrimStart();
        return rest.StartsWith(@"\circ", StringComparison.Ordinal) ? _at + 1 + skipped + 5
            : rest.StartsWith(@"{\circ}", StringComparison.Ordinal) ? _at + 1 + skipped + 7 : null;
    }

    // A comma between thousands: ",\!" and ",\," anywhere, a bare comma outside of brackets. Three digits follow and no fourth.
    private readonly int? ThousandsEnd()
    {
        if (_tokens.Count == 0 || _tokens[^1].Kind != LatexTokenKind.Digit || _space) return null;
        int digits = _at + 1;
        bool marked = _text[digits..].StartsWith(@"\!", StringComparison.Ordinal) || _text[digits..].StartsWith(@"\,", StringComparison.Ordinal);
        if (marked) digits += 2;
        while (marked && digits < _text.Length && _text[digits] == ' ') digits++;
        int count = 0;
        while (digits + count < _text.Length && count < 4 && char.IsAsciiDigit(_text[digits + count])) count++;
        return count == 3 && (marked || ((_grouped ? _digits == 3 : _digits <= 3) && !_bracketed)) ? digits : null;
    }

    private void Take(LatexTokenKind kind, string text, int length)
    {
        bool goesOn = kind == LatexTokenKind.Digit && !_space && _tokens.Count > 0 && _tokens[^1].Kind == LatexTokenKind.Digit;
        (_grouped, _digits) = goesOn ? (_grouped, _digits + 1) : (false, 1);
        _bracketed |= kind is LatexTokenKind.Symbol or LatexTokenKind.Command && text is "(" or "[" or "{";
        _tokens.Add(new LatexToken(kind, text, _space));
        _space = false;
        _at += length;
    }

    private void Skip(int length, bool space)
    {
        _space |= space;
        _at += length;
    }
}
