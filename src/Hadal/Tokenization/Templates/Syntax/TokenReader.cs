namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>The tokens of a template in order, and the bound on how deep the parser may follow them.</summary>
internal sealed class TokenReader(Source source, List<Token> tokens)
{
    // Templates nest about ten levels; a level costs the parser about two kilobytes of stack.
    private const int DeepestNesting = 100;

    // The evaluator recurses along an expression, about half a kilobyte of stack for each level.
    private const int DeepestExpression = 300;

    private int _next;
    private int _nesting;

    public Token Current => tokens[_next];

    /// <summary>The token after the current one.</summary>
    public Token Following => tokens[Math.Min(_next + 1, tokens.Count - 1)];

    public Token Take()
    {
        Token token = tokens[_next];
        if (token.Kind != TokenKind.End) _next++;
        return token;
    }

    public bool SkipName(string name) => Skip(Current.IsName(name));

    public bool SkipOperator(string symbol) => Skip(Current.IsOperator(symbol));

    public Token Expect(TokenKind kind, string expected) => Current.Kind == kind ? Take() : throw Unexpected(expected);

    public void ExpectName(string name)
    {
        if (!SkipName(name)) throw Unexpected($"'{name}'");
    }

    public void ExpectOperator(string symbol)
    {
        if (!SkipOperator(symbol)) throw Unexpected($"'{symbol}'");
    }

    public TemplateException Unexpected(string expected) => Fail(Current.At, $"found {Current.Found()}, expected {expected}");

    public TemplateException Fail(Position at, string problem) => source.Fail(at, problem);

    /// <summary>Goes one level down; every call is followed by <see cref="Leave"/>.</summary>
    public void Enter()
    {
        if (++_nesting > DeepestNesting) throw Fail(Current.At, $"the template nests deeper than the {DeepestNesting} levels that are read");
    }

    public void Leave() => _nesting--;

    /// <summary>The expression, if it isn't too deep for the evaluator.</summary>
    public Expression Bounded(Expression expression)
    {
        if (expression.Depth <= DeepestExpression) return expression;
        throw Fail(expression.At, $"the expression has more than the {DeepestExpression} levels that are read");
    }

    private bool Skip(bool matches)
    {
        if (matches) Take();
        return matches;
    }
}
