namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>
/// Statements. What Jinja has and chat templates don't use (inclusion, inheritance, recursive loops) is refused by name.
/// </summary>
internal sealed class TemplateParser
{
    private readonly TokenReader _tokens;
    private readonly ExpressionParser _expressions;
    private readonly TargetParser _targets;

    // Loops around the current place that a break would leave; a macro's body starts anew.
    private int _loops;

    // Whether the current place is in a generation block.
    private bool _inGeneration;

    private TemplateParser(TokenReader tokens)
    {
        _tokens = tokens;
        _expressions = new ExpressionParser(tokens);
        _targets = new TargetParser(tokens);
    }

    /// <summary>Whether the template marks what the assistant says.</summary>
    public bool HasGeneration { get; private set; }

    public static (Statement[] Body, bool HasGeneration) Parse(string text, string name)
    {
        Source source = new(text, name);
        TemplateParser parser = new(new TokenReader(source, Lexer.Tokenize(source)));
        Statement[] body = parser.Body();
        return (body, parser.HasGeneration);
    }

    /// <summary>Statements up to a tag that is named in <paramref name="ends"/>, which is left to the caller.</summary>
    private Statement[] Body(params string[] ends)
    {
        _tokens.Enter();
        List<Statement> body = [];
        while (_tokens.Current.Kind != TokenKind.End || ends.Length > 0)
        {
            Token token = _tokens.Take();
            switch (token.Kind)
            {
                case TokenKind.Data:
                    body.Add(new DataStatement(token.At, token.Text));
                    break;
                case TokenKind.OutputBegin:
                    body.Add(new OutputStatement(token.At, _expressions.Tuple()));
                    _tokens.Expect(TokenKind.OutputEnd, "'}}'");
                    break;
                case TokenKind.BlockBegin when Array.Exists(ends, _tokens.Current.IsName):
                    _tokens.Leave();
                    return [.. body];
                case TokenKind.BlockBegin:
                    body.Add(Block(token.At, ends));
                    EndOfBlock();
                    break;
                default: throw _tokens.Fail(token.At, $"found {token.Found()}, expected {Tags(ends)}");
            }
        }

        _tokens.Leave();
        return [.. body];
    }

    private static string Tags(string[] ends) => string.Join(" or ", ends.Select(end => $"'{{% {end} %}}'"));

    private void EndOfBlock() => _tokens.Expect(TokenKind.BlockEnd, "'%}'");

    private Statement[] BodyAfterHead(params string[] ends)
    {
        // Jinja allows a Python-like colon here.
        _tokens.SkipOperator(":");
        EndOfBlock();
        return Body(ends);
    }

    private Statement[] BodyToEnd(string end)
    {
        Statement[] body = BodyAfterHead(end);
        _tokens.ExpectName(end);
        return body;
    }

    private Statement Block(Position at, string[] ends)
    {
        Token name = _tokens.Expect(TokenKind.Name, "the name of a block");
        switch (name.Text)
        {
            case "if": return If(at);
            case "for": return For(at);
            case "set": return Set(at);
            case "macro": return Macro(at);
            case "call": return Call(at);
            case "with": return With(at);
            case "filter":
                return new FilterStatement(at, _expressions.Filters(firstWithoutBar: true), BodyToEnd("endfilter"));
            case "generation": return Generation(at);
            case "break" or "continue":
                if (_loops == 0) throw _tokens.Fail(name.At, $"found '{name.Text}' outside of a loop");
                return new JumpStatement(at, name.Text == "break");
            default:
                string expected = ends.Length > 0 ? Tags(ends) + " or a block that is supported" : "a block that is supported";
                throw _tokens.Fail(name.At, $"found the block {name.Found()}, expected {expected}");
        }
    }

    private IfStatement If(Position at)
    {
        List<(Expression?, Statement[])> branches = [];
        while (true)
        {
            Expression condition = _expressions.Tuple(conditional: false);
            branches.Add((condition, BodyAfterHead("elif", "else", "endif")));
            if (_tokens.SkipName("elif")) continue;
            if (_tokens.SkipName("else")) branches.Add((null, BodyToEnd("endif")));
            else _tokens.ExpectName("endif");
            return new IfStatement(at, [.. branches]);
        }
    }

    private ForStatement For(Position at)
    {
        Target target = _targets.ForLoop();
        _tokens.ExpectName("in");
        Expression items = _expressions.Tuple(end: "recursive", conditional: false);
        Expression? filter = _tokens.SkipName("if") ? _expressions.Conditional() : null;
        if (_tokens.Current.IsName("recursive")) throw _tokens.Unexpected("a loop that isn't recursive");
        _loops++;
        Statement[] body = BodyAfterHead("else", "endfor");
        _loops--;
        Statement[] otherwise = [];
        if (_tokens.SkipName("else")) otherwise = BodyToEnd("endfor");
        else _tokens.ExpectName("endfor");
        return new ForStatement(at, target, items, filter, body, otherwise);
    }

    private Statement Set(Position at)
    {
        Target target = _targets.Set();
        if (_tokens.SkipOperator("=")) return new SetStatement(at, target, _expressions.Tuple());
        FilterExpression[] filters = _expressions.Filters(firstWithoutBar: false);
        return new SetBlockStatement(at, target, filters, BodyToEnd("endset"));
    }

    private WithStatement With(Position at)
    {
        List<(Target, Expression)> values = [];
        while (_tokens.Current.Kind != TokenKind.BlockEnd && !_tokens.Current.IsOperator(":"))
        {
            if (values.Count > 0) _tokens.ExpectOperator(",");
            Target target = _targets.Name();
            _tokens.ExpectOperator("=");
            values.Add((target, _expressions.Conditional()));
        }

        return new WithStatement(at, [.. values], BodyToEnd("endwith"));
    }

    private MacroStatement Macro(Position at)
    {
        string name = _tokens.Expect(TokenKind.Name, "the name of a macro").Text;
        (string, Expression?)[] parameters = Parameters();
        return new MacroStatement(at, new MacroDefinition(name, parameters, OutsideOfLoops("endmacro")));
    }

    private CallStatement Call(Position at)
    {
        (string, Expression?)[] parameters = _tokens.Current.IsOperator("(") ? Parameters() : [];
        Position callAt = _tokens.Current.At;
        if (_expressions.Conditional() is not CallExpression call) throw _tokens.Fail(callAt, "found an expression, expected the call of a macro");
        return new CallStatement(at, new MacroDefinition("caller", parameters, OutsideOfLoops("endcall")), call);
    }

    private GenerationStatement Generation(Position at)
    {
        if (_inGeneration) throw _tokens.Fail(at, "found a generation block within another");
        HasGeneration = true;
        _inGeneration = true;
        Statement[] body = OutsideOfLoops("endgeneration");
        _inGeneration = false;
        return new GenerationStatement(at, body);
    }

    /// <summary>A body of its own: a break in it can't leave a loop around it.</summary>
    private Statement[] OutsideOfLoops(string end)
    {
        int loops = _loops;
        _loops = 0;
        Statement[] body = BodyToEnd(end);
        _loops = loops;
        return body;
    }

    private (string, Expression?)[] Parameters()
    {
        _tokens.ExpectOperator("(");
        List<(string Name, Expression? Default)> parameters = [];
        while (!_tokens.SkipOperator(")"))
        {
            if (parameters.Count > 0) _tokens.ExpectOperator(",");
            Token name = _tokens.Expect(TokenKind.Name, "the name of a parameter");
            if (parameters.Exists(other => other.Name == name.Text)) throw _tokens.Fail(name.At, $"the parameter {name.Found()} is there twice");
            Expression? value = _tokens.SkipOperator("=") ? _expressions.Conditional() : null;
            if (value is null && parameters.Count > 0 && parameters[^1].Default is not null)
            {
                throw _tokens.Fail(name.At, $"found the parameter {name.Found()} without a default, expected one as the parameters before it have");
            }

            parameters.Add((name.Text, value));
        }

        return [.. parameters];
    }
}
