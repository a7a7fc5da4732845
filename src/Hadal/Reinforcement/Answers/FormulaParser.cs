namespace Hadal.Reinforcement.Answers;

/// <summary>
/// Formulas as LaTeX and as plain text write them. Null wherever the text is no formula. Nesting is bounded, so that no answer can
/// exhaust the stack.
/// </summary>
internal sealed class FormulaParser(IReadOnlyList<LatexToken> tokens)
{
    private const int DeepestNesting = 40;
    private const int MostDigits = 200;

    private int _at;
    private int _depth;

    /// <summary>The formula that all tokens make; null if they make none.</summary>
    public static Formula? Parse(IReadOnlyList<LatexToken> tokens)
    {
        FormulaParser parser = new(tokens);
        return tokens.Count > 0 && parser.Sum() is { } formula && parser._at == tokens.Count ? formula : null;
    }

    private bool AtEnd => _at >= tokens.Count;

    private bool Next(string symbol) => !AtEnd && tokens[_at].Is(symbol);

    private bool Accept(string symbol)
    {
        if (!Next(symbol)) return false;
        _at++;
        return true;
    }

    private bool NextIs(LatexTokenKind kind) => !AtEnd && tokens[_at].Kind == kind;

    // sum := ["+" | "-"] product (("+" | "-") product)*
    private Formula? Sum()
    {
        if (++_depth > DeepestNesting) return null;
        Formula? sum = Accept("-") ? Negative(Product()) : Accept("+") ? Product() : Product();
        while (sum is not null && (Next("+") || Next("-")))
        {
            bool minus = Accept("-") || !Accept("+");
            Formula? term = minus ? Negative(Product()) : Product();
            sum = term is null ? null : new SumFormula(sum, term);
        }

        _depth--;
        return sum;
    }

    private static ProductFormula? Negative(Formula? x) => x is null ? null : new ProductFormula(new NumberFormula(-1), x);

    // product := factor (["*" | "/"] factor)*
    private Formula? Product()
    {
        Formula? product = Factor();
        while (product is not null && !AtEnd)
        {
            bool divides = Next("/"), explicitly = divides || Next("*");
            if (explicitly) _at++;
            else if (!StartsFactor()) break;
            Formula? factor = explicitly && Accept("-") ? Negative(Factor()) : Factor();
            product = factor is null ? null : divides ? new QuotientFormula(product, factor) : new ProductFormula(product, factor);
        }

        return product;
    }

    // What may follow a factor without a sign between them. A digit may not: "2 3" is no product.
    private bool StartsFactor() =>
        NextIs(LatexTokenKind.Letter) || Next("(") || Next("{") || (NextIs(LatexTokenKind.Command) && IsOperand(tokens[_at].Text));

    private static bool IsOperand(string command) => command is "frac" or "sqrt" or "pi" || FunctionFormula.IsKnown(command);

    // factor := primary ["^" exponent]
    private Formula? Factor()
    {
        if (++_depth > DeepestNesting) return null;
        Formula? factor = Primary();
        if (factor is not null && Accept("^")) factor = Exponent() is { } exponent ? new PowerFormula(factor, exponent) : null;
        _depth--;
        return factor;
    }

    private Formula? Exponent()
    {
        if (Next("{")) return Braces();
        if (Accept("-")) return Negative(Primary());
        return Primary();
    }

    private Formula? Primary()
    {
        if (AtEnd) return null;
        LatexToken token = tokens[_at];
        if (token.Kind == LatexTokenKind.Digit || token.Is(".")) return Number();
        if (token.Kind == LatexTokenKind.Letter) return Variable();
        if (token.Is("{")) return token.Kind == LatexTokenKind.Symbol ? Braces() : null; // \{ opens a set
        if (token.Is("(")) return Enclosed("(", ")");
        if (token.Is("|")) return Enclosed("|", "|") is { } inner ? new FunctionFormula("abs", inner, null) : null;
        if (token.Kind != LatexTokenKind.Command) return null;
        _at++;
        return token.Text switch
        {
            "pi" => new SymbolFormula(SymbolFormula.Pi),
            "frac" => Argument() is { } a && Argument() is { } b ? new QuotientFormula(a, b) : null,
            "sqrt" => Root(),
            _ => FunctionFormula.IsKnown(token.Text) ? Function(token.Text) : null,
        };
    }

    private Formula? Enclosed(string open, string close) => Accept(open) && Sum() is { } inner && Accept(close) ? inner : null;

    private Formula? Braces() => Enclosed("{", "}");

    // TeX's rule for \frac43: an argument is a group or one token.
    private Formula? Argument()
    {
        if (Next("{")) return Braces();
        if (NextIs(LatexTokenKind.Digit)) return new NumberFormula(tokens[_at++].Text[0] - '0');
        return Next("(") ? Enclosed("(", ")") : Primary();
    }

    private RootFormula? Root()
    {
        int degree = 2;
        if (Accept("["))
        {
            if (!NextIs(LatexTokenKind.Digit) || tokens[_at].Text is "0" or "1") return null;
            degree = tokens[_at++].Text[0] - '0';
            if (!Accept("]")) return null;
        }

        return Argument() is { } radicand ? new RootFormula(radicand, degree) : null;
    }

    // \sin^2 x, \log_2 x, \cot 2x: without brackets the argument is the product that follows.
    private Formula? Function(string name)
    {
        Formula? power = null, logarithmBase = null;
        if (Accept("_") && (logarithmBase = Argument()) is null) return null;
        if (Accept("^") && (power = Exponent()) is null) return null;
        Formula? argument = Next("{") ? Braces() : Next("(") ? Enclosed("(", ")") : Factor();
        while (argument is not null && !Next("(") && !NextIs(LatexTokenKind.Command) && StartsFactor())
        {
            argument = Factor() is { } next ? new ProductFormula(argument, next) : null;
        }

        if (argument is null) return null;
        FunctionFormula function = new(name, argument, logarithmBase);
        return power is null ? function : new PowerFormula(function, power);
    }

    private SymbolFormula? Variable()
    {
        string name = tokens[_at++].Text;
        if (!Accept("_")) return new SymbolFormula(name);
        bool braced = Accept("{");
        string index = "";
        while (!AtEnd && tokens[_at].Kind is LatexTokenKind.Digit or LatexTokenKind.Letter && (braced || index.Length == 0)) index += tokens[_at++].Text;
        return index.Length == 0 || (braced && !Accept("}")) ? null : new SymbolFormula($"{name}_{index}");
    }

    // Digits with at most one point; "1\frac{4}{5}" and "1 4/5" are mixed numbers.
    private NumberFormula? Number()
    {
        int start = _at;
        string digits = "";
        bool point = false;
        while (!AtEnd && (tokens[_at].Kind == LatexTokenKind.Digit || (!point && tokens[_at].Is("."))) && (_at == start || !tokens[_at].AfterSpace))
        {
            point |= tokens[_at].Is(".");
            digits += tokens[_at++].Text;
        }

        if (digits.Length > MostDigits || digits == ".") return null;
        NumberFormula number = new(Rational.FromDigits(digits));
        if (point || AtEnd) return number;
        if (Next("frac") && ProperFraction(latex: true) is { } part) return new NumberFormula(number.Value + part);
        if (tokens[_at].Kind != LatexTokenKind.Digit) return number;
        return ProperFraction(latex: false) is { } plain ? new NumberFormula(number.Value + plain) : null;
    }

    // A fraction of whole numbers less than one; leaves the place as it was if there is none.
    private Rational? ProperFraction(bool latex)
    {
        int start = _at;
        if (latex) _at++;
        if (Whole(latex) is { } numerator && (latex || Accept("/")) && Whole(latex) is { } denominator && numerator.Numerator < denominator.Numerator)
        {
            return numerator / denominator;
        }

        _at = start;
        return null;
    }

    private Rational? Whole(bool argument)
    {
        bool braced = argument && Accept("{");
        string digits = "";
        while (NextIs(LatexTokenKind.Digit) && digits.Length < MostDigits && (digits.Length == 0 || !tokens[_at].AfterSpace))
        {
            digits += tokens[_at++].Text;
            if (argument && !braced) break;
        }

        return digits.Length == 0 || (braced && !Accept("}")) ? null : Rational.FromDigits(digits);
    }
}
