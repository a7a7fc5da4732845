using System.Globalization;
using Hadal.Tokenization.Templates.Evaluation;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>
/// Expressions, from the loosest operator to the tightest: conditional, or, and, not, comparison, plus and minus, <c>~</c>, times and
/// divided, power, sign, and behind an operand its items, calls, filters and tests. The order, and the left-to-right <c>**</c>, are
/// Jinja's.
/// </summary>
internal sealed class ExpressionParser(TokenReader tokens)
{
    private readonly PostfixParser _postfix = new(tokens);

    /// <summary>An expression, or several between commas, which make a tuple.</summary>
    /// <param name="end">The name that ends the expression, such as <c>recursive</c>, or null.</param>
    /// <param name="conditional">Whether an <c>if</c> belongs to the expression; in the head of a loop it doesn't.</param>
    public Expression Tuple(string? end = null, bool conditional = true)
    {
        Position at = tokens.Current.At;
        Expression first = conditional ? Conditional() : OrWithin();
        if (!tokens.Current.IsOperator(",")) return first;
        List<Expression> items = [first];
        while (tokens.SkipOperator(",") && !AtTupleEnd(end)) items.Add(conditional ? Conditional() : OrWithin());
        return tokens.Bounded(new SequenceExpression(at, SequenceKind.Tuple, [.. items]));
    }

    public Expression Conditional()
    {
        tokens.Enter();
        Position at = tokens.Current.At;
        Expression value = Or();
        while (tokens.SkipName("if"))
        {
            Expression condition = Or();
            Expression? otherwise = tokens.SkipName("else") ? Conditional() : null;
            value = tokens.Bounded(new ConditionalExpression(at, condition, value, otherwise));
        }

        tokens.Leave();
        return value;
    }

    /// <summary>The filters of a block, the first of them without a bar before it.</summary>
    public FilterExpression[] Filters(bool firstWithoutBar) => _postfix.Filters(this, firstWithoutBar);

    private bool AtTupleEnd(string? end) =>
        tokens.Current.Kind is TokenKind.OutputEnd or TokenKind.BlockEnd || tokens.Current.IsOperator(")")
        || (end is not null && tokens.Current.IsName(end));

    private Expression OrWithin()
    {
        tokens.Enter();
        Expression value = Or();
        tokens.Leave();
        return value;
    }

    private Expression Or()
    {
        Position at = tokens.Current.At;
        Expression left = And();
        while (tokens.SkipName("or")) left = tokens.Bounded(new LogicalExpression(at, isAnd: false, left, And()));
        return left;
    }

    private Expression And()
    {
        Position at = tokens.Current.At;
        Expression left = Not();
        while (tokens.SkipName("and")) left = tokens.Bounded(new LogicalExpression(at, isAnd: true, left, Not()));
        return left;
    }

    private Expression Not()
    {
        Position at = tokens.Current.At;
        if (!tokens.SkipName("not")) return Compared();
        tokens.Enter();
        Expression operand = Not();
        tokens.Leave();
        return tokens.Bounded(new UnaryExpression(at, UnaryOperator.Not, operand));
    }

    private Expression Compared()
    {
        Position at = tokens.Current.At;
        Expression first = Sum();
        List<(Comparison, Expression)> rest = [];
        while (ComparisonOperator() is { } comparison) rest.Add((comparison, Sum()));
        return rest.Count == 0 ? first : tokens.Bounded(new ComparisonExpression(at, first, [.. rest]));
    }

    private Comparison? ComparisonOperator()
    {
        if (tokens.SkipName("in")) return Comparison.In;
        if (tokens.Current.IsName("not") && tokens.Following.IsName("in"))
        {
            tokens.Take();
            tokens.Take();
            return Comparison.NotIn;
        }

        if (tokens.Current.Kind != TokenKind.Operator) return null;
        Comparison? found = tokens.Current.Text switch
        {
            "==" => Comparison.Equal,
            "!=" => Comparison.NotEqual,
            "<" => Comparison.Less,
            "<=" => Comparison.LessOrEqual,
            ">" => Comparison.Greater,
            ">=" => Comparison.GreaterOrEqual,
            _ => null,
        };
        if (found is not null) tokens.Take();
        return found;
    }

    private Expression Sum()
    {
        Position at = tokens.Current.At;
        Expression left = Concat();
        while (tokens.Current.IsOperator("+") || tokens.Current.IsOperator("-"))
        {
            BinaryOperator op = tokens.Take().Text == "+" ? BinaryOperator.Add : BinaryOperator.Subtract;
            left = tokens.Bounded(new BinaryExpression(at, op, left, Concat()));
        }

        return left;
    }

    private Expression Concat()
    {
        Position at = tokens.Current.At;
        Expression first = Product();
        if (!tokens.Current.IsOperator("~")) return first;
        List<Expression> parts = [first];
        while (tokens.SkipOperator("~")) parts.Add(Product());
        return tokens.Bounded(new ConcatExpression(at, [.. parts]));
    }

    private Expression Product()
    {
        Position at = tokens.Current.At;
        Expression left = Power();
        while (tokens.Current.Kind == TokenKind.Operator && tokens.Current.Text is "*" or "/" or "//" or "%")
        {
            BinaryOperator op = tokens.Take().Text switch
            {
                "*" => BinaryOperator.Multiply,
                "/" => BinaryOperator.Divide,
                "//" => BinaryOperator.FloorDivide,
                _ => BinaryOperator.Modulo,
            };
            left = tokens.Bounded(new BinaryExpression(at, op, left, Power()));
        }

        return left;
    }

    private Expression Power()
    {
        Position at = tokens.Current.At;
        Expression left = Signed(withFilters: true);
        while (tokens.SkipOperator("**"))
        {
            left = tokens.Bounded(new BinaryExpression(at, BinaryOperator.Power, left, Signed(withFilters: true)));
        }

        return left;
    }

    // A filter behind a signed operand takes the sign too: -1|abs is (-1)|abs.
    private Expression Signed(bool withFilters)
    {
        Token token = tokens.Current;
        Expression value;
        if (tokens.SkipOperator("-") || tokens.SkipOperator("+"))
        {
            tokens.Enter();
            Expression operand = Signed(withFilters: false);
            tokens.Leave();
            value = new UnaryExpression(token.At, token.Text == "-" ? UnaryOperator.Negative : UnaryOperator.Positive, operand);
        }
        else
        {
            value = Primary();
        }

        return _postfix.Behind(this, tokens.Bounded(value), withFilters);
    }

    /// <summary>A name, a literal, or an expression in brackets.</summary>
    public Expression Primary()
    {
        Token token = tokens.Take();
        switch (token.Kind)
        {
            case TokenKind.Name: return NamedPrimary(token);
            case TokenKind.Text: return TextPrimary(token);
            case TokenKind.Integer when long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out long integer):
                return new Constant(token.At, new IntegerValue(integer));
            case TokenKind.Integer: throw tokens.Fail(token.At, $"found {token.Found()}, expected a whole number of at most 64 bits");
            case TokenKind.Float:
                return new Constant(token.At, new FloatValue(double.Parse(token.Text, NumberStyles.Float, CultureInfo.InvariantCulture)));
            case TokenKind.Operator when token.Text == "(": return Parenthesized(token.At);
            case TokenKind.Operator when token.Text == "[":
                List<Expression> items = ListUntil("]", Conditional);
                return tokens.Bounded(new SequenceExpression(token.At, SequenceKind.List, [.. items]));
            case TokenKind.Operator when token.Text == "{":
                return tokens.Bounded(new MappingExpression(token.At, [.. ListUntil("}", Pair)]));
            default: throw tokens.Fail(token.At, $"found {token.Found()}, expected an expression");
        }
    }

    private static Expression NamedPrimary(Token token) => token.Text switch
    {
        "true" or "True" => new Constant(token.At, BooleanValue.True),
        "false" or "False" => new Constant(token.At, BooleanValue.False),
        "none" or "None" => new Constant(token.At, NoneValue.Instance),
        _ => new NameExpression(token.At, token.Text),
    };

    // Strings next to each other are one string, as in Python.
    private Constant TextPrimary(Token token)
    {
        string text = token.Text;
        if (tokens.Current.Kind == TokenKind.Text)
        {
            List<string> parts = [text];
            while (tokens.Current.Kind == TokenKind.Text) parts.Add(tokens.Take().Text);
            text = string.Concat(parts);
        }

        return new Constant(token.At, TextValue.Own(text));
    }

    private Expression Parenthesized(Position at)
    {
        if (tokens.SkipOperator(")")) return new SequenceExpression(at, SequenceKind.Tuple, []);
        Expression inside = Tuple();
        tokens.ExpectOperator(")");
        return inside;
    }

    private (Expression Key, Expression Value) Pair()
    {
        Expression key = Conditional();
        tokens.ExpectOperator(":");
        return (key, Conditional());
    }

    private List<T> ListUntil<T>(string close, Func<T> item)
    {
        List<T> items = [];
        while (!tokens.SkipOperator(close))
        {
            if (items.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.SkipOperator(close)) break;
            }

            items.Add(item());
        }

        return items;
    }
}
