using System.Globalization;
using Hadal.Tokenization.Templates.Evaluation;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>
/// What stands behind an operand: attributes, items, slices, calls, filters and tests. Unknown filters and tests end here.
/// </summary>
internal sealed class PostfixParser(TokenReader tokens)
{
    public Expression Behind(ExpressionParser expressions, Expression value, bool withFilters)
    {
        while (true)
        {
            Token token = tokens.Current;
            if (tokens.SkipOperator(".")) value = Attribute(value, token.At);
            else if (tokens.SkipOperator("[")) value = Item(expressions, value, token.At);
            else if (tokens.Current.IsOperator("(")) value = new CallExpression(token.At, value, Arguments(expressions));
            else break;
            value = tokens.Bounded(value);
        }

        while (withFilters)
        {
            Token token = tokens.Current;
            if (tokens.SkipOperator("|")) value = Filter(expressions, value);
            else if (tokens.SkipName("is")) value = Test(expressions, value);
            else if (tokens.Current.IsOperator("(")) value = new CallExpression(token.At, value, Arguments(expressions));
            else break;
            value = tokens.Bounded(value);
        }

        return value;
    }

    public FilterExpression[] Filters(ExpressionParser expressions, bool firstWithoutBar)
    {
        List<FilterExpression> filters = [];
        while (firstWithoutBar || tokens.SkipOperator("|"))
        {
            firstWithoutBar = false;
            filters.Add(Filter(expressions, null));
        }

        return [.. filters];
    }

    private Expression Attribute(Expression value, Position at)
    {
        if (tokens.Current.Kind == TokenKind.Integer)
        {
            Token number = tokens.Take();
            if (!long.TryParse(number.Text, NumberStyles.None, CultureInfo.InvariantCulture, out long index))
            {
                throw tokens.Fail(number.At, $"found {number.Found()}, expected an index of at most 64 bits");
            }

            return new ItemExpression(at, value, new Constant(number.At, new IntegerValue(index)));
        }

        return new AttributeExpression(at, value, tokens.Expect(TokenKind.Name, "the name of an attribute").Text);
    }

    private Expression Item(ExpressionParser expressions, Expression value, Position at)
    {
        Expression? start = tokens.Current.IsOperator(":") ? null : expressions.Conditional();
        if (start is not null && tokens.SkipOperator("]")) return new ItemExpression(at, value, start);
        tokens.ExpectOperator(":");
        Expression? stop = AtSliceEnd() ? null : expressions.Conditional();
        Expression? step = tokens.SkipOperator(":") && !AtSliceEnd() ? expressions.Conditional() : null;
        tokens.ExpectOperator("]");
        return new SliceExpression(at, value, start, stop, step);
    }

    private bool AtSliceEnd() => tokens.Current.IsOperator(":") || tokens.Current.IsOperator("]");

    private FilterExpression Filter(ExpressionParser expressions, Expression? input)
    {
        Token name = tokens.Expect(TokenKind.Name, "the name of a filter");
        if (!FilterTable.Contains(name.Text)) throw tokens.Fail(name.At, $"found the filter {name.Found()}, expected one that is supported");
        ArgumentList arguments = tokens.Current.IsOperator("(") ? Arguments(expressions) : ArgumentList.None;
        return new FilterExpression(name.At, input, name.Text, arguments);
    }

    private Expression Test(ExpressionParser expressions, Expression subject)
    {
        Position at = tokens.Current.At;
        bool negated = tokens.SkipName("not");
        Token name = tokens.Expect(TokenKind.Name, "the name of a test");
        if (!TestTable.Contains(name.Text)) throw tokens.Fail(name.At, $"found the test {name.Found()}, expected one that is supported");
        Expression test = new TestExpression(name.At, subject, name.Text, TestArguments(expressions));
        return negated ? new UnaryExpression(at, UnaryOperator.Not, test) : test;
    }

    // "x is divisibleby 3" needs no brackets around a single operand.
    private ArgumentList TestArguments(ExpressionParser expressions)
    {
        Token token = tokens.Current;
        if (token.IsOperator("(")) return Arguments(expressions);
        bool operand = token.Kind is TokenKind.Name or TokenKind.Text or TokenKind.Integer or TokenKind.Float
            || token.IsOperator("[") || token.IsOperator("{");
        if (!operand || token.IsName("else") || token.IsName("or") || token.IsName("and")) return ArgumentList.None;
        if (token.IsName("is")) throw tokens.Fail(token.At, "found 'is' behind a test, expected 'and' between tests");
        tokens.Enter();
        Expression argument = Behind(expressions, expressions.Primary(), withFilters: false);
        tokens.Leave();
        return new ArgumentList([argument], []);
    }

    private ArgumentList Arguments(ExpressionParser expressions)
    {
        tokens.ExpectOperator("(");
        List<Expression> positional = [];
        List<(string, Expression)> named = [];
        while (!tokens.SkipOperator(")"))
        {
            if (positional.Count + named.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.SkipOperator(")")) break;
            }

            Token token = tokens.Current;
            if (token.IsOperator("*") || token.IsOperator("**")) throw tokens.Unexpected("arguments one by one");
            if (token.Kind == TokenKind.Name && tokens.Following.IsOperator("="))
            {
                tokens.Take();
                tokens.Take();
                if (named.Exists(other => other.Item1 == token.Text)) throw tokens.Fail(token.At, $"the argument {token.Found()} is given twice");
                named.Add((token.Text, expressions.Conditional()));
            }
            else
            {
                if (named.Count > 0) throw tokens.Unexpected("a named argument behind named ones");
                positional.Add(expressions.Conditional());
            }
        }

        return new ArgumentList([.. positional], [.. named]);
    }
}
