using Hadal.Tokenization.Templates.Syntax;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>Runs statements, which print and set names.</summary>
internal sealed class TemplateRunner
{
    private readonly Run _run;
    private readonly ExpressionEvaluator _expressions;
    private readonly Output _page;
    private readonly List<TextSpan> _generated = [];
    private Output _output;

    private TemplateRunner(Run run)
    {
        _run = run;
        _expressions = new ExpressionEvaluator(run);
        _page = new Output(run);
        _output = _page;
    }

    /// <summary>How a body ended: at its end, or by leaving a turn or all of the loop around it.</summary>
    private enum Flow
    {
        End,
        Continue,
        Break,
    }

    /// <summary>Prints a template, and says where its generation blocks came to stand.</summary>
    public static RenderedChat Render(Run run, Statement[] body, Scope names)
    {
        TemplateRunner runner = new(run);
        runner.Execute(body, new Scope(names));
        TextValue page = runner._page.ToText();
        return new RenderedChat(page.Value, runner._generated) { ForeignSpans = page.ForeignSpans };
    }

    private Flow Execute(Statement[] body, Scope scope)
    {
        foreach (Statement statement in body)
        {
            _run.Enter(statement.At);
            Flow flow = Execute(statement, scope);
            _run.Leave();
            if (flow != Flow.End) return flow;
        }

        return Flow.End;
    }

    private Flow Execute(Statement statement, Scope scope)
    {
        switch (statement)
        {
            case DataStatement data:
                _run.At = data.At;
                _output.Write(TextValue.Own(data.Text));
                return Flow.End;
            case OutputStatement output:
                Value printed = _expressions.Evaluate(output.Value, scope);
                _run.At = output.At;
                _output.Write(PythonText.Printed(_run, printed));
                return Flow.End;
            case IfStatement choice: return If(choice, scope);
            case ForStatement loop: return For(loop, scope);
            case JumpStatement jump: return jump.IsBreak ? Flow.Break : Flow.Continue;
            case SetStatement set:
                Assign(set.Target, _expressions.Evaluate(set.Value, scope), scope);
                return Flow.End;
            case SetBlockStatement set: return SetBlock(set, scope);
            case FilterStatement filter: return FilterBlock(filter, scope);
            case WithStatement with: return With(with, scope);
            case MacroStatement macro:
                scope.Set(macro.Macro.Name, Macro(macro.Macro, scope));
                return Flow.End;
            case CallStatement call:
                Value made = _expressions.Call(call.Call, scope, Macro(call.Caller, scope));
                _output.Write(PythonText.Printed(_run, made));
                return Flow.End;
            case GenerationStatement generation: return Generation(generation, scope);
            default: throw new InvalidOperationException(statement.GetType().Name);
        }
    }

    private Flow If(IfStatement choice, Scope scope)
    {
        foreach ((Expression? condition, Statement[] body) in choice.Branches)
        {
            if (condition is null || _expressions.Evaluate(condition, scope).IsTruthy) return Execute(body, scope);
        }

        return Flow.End;
    }

    private Flow For(ForStatement loop, Scope scope)
    {
        Value source = _expressions.Evaluate(loop.Items, scope);
        _run.At = loop.At;
        Value[] items = Iteration.Items(_run, source);
        using IEnumerator<Value> kept = Kept(loop, items, scope).GetEnumerator();
        LoopValue state = new(_run, kept, loop.Filter is null ? items.Length : null);
        bool any = false;
        while (state.Next() is { } item)
        {
            any = true;
            _run.Charge(1);
            Scope turn = new(scope);
            turn.Set("loop", state);
            Assign(loop.Target, item, turn);
            if (Execute(loop.Body, turn) == Flow.Break) return Flow.End;
        }

        return any ? Flow.End : Execute(loop.Otherwise, scope);
    }

    private IEnumerable<Value> Kept(ForStatement loop, Value[] items, Scope scope)
    {
        foreach (Value item in items)
        {
            if (loop.Filter is not null)
            {
                Scope test = new(scope);
                Assign(loop.Target, item, test);
                if (!_expressions.Evaluate(loop.Filter, test).IsTruthy) continue;
            }

            yield return item;
        }
    }

    private void Assign(Target target, Value value, Scope scope)
    {
        _run.At = target.At;
        switch (target)
        {
            case NameTarget name:
                scope.Set(name.Name, value);
                break;
            case NamespaceTarget attribute:
                if (scope.Find(attribute.Name) is not NamespaceValue space)
                {
                    throw _run.Fail($"found an attribute of '{attribute.Name}' to set, expected a namespace before the dot");
                }

                space.Attributes[attribute.Attribute] = value;
                break;
            case TupleTarget tuple:
                Value[] items = Iteration.Items(_run, value);
                if (items.Length != tuple.Items.Length)
                {
                    throw _run.Fail($"found {items.Length} values for {tuple.Items.Length} names, expected as many of both");
                }

                for (int i = 0; i < items.Length; i++) Assign(tuple.Items[i], items[i], scope);
                break;
            default: throw new InvalidOperationException(target.GetType().Name);
        }
    }

    private Flow SetBlock(SetBlockStatement set, Scope scope)
    {
        Value text = Captured(set.Body, new Scope(scope), out Flow flow);
        if (flow != Flow.End) return flow;
        foreach (FilterExpression filter in set.Filters) text = _expressions.Filter(filter, text, scope);
        Assign(set.Target, text, scope);
        return Flow.End;
    }

    private Flow FilterBlock(FilterStatement block, Scope scope)
    {
        Value text = Captured(block.Body, new Scope(scope), out Flow flow);
        if (flow != Flow.End) return flow;
        foreach (FilterExpression filter in block.Filters) text = _expressions.Filter(filter, text, scope);
        _output.Write(PythonText.Printed(_run, text));
        return Flow.End;
    }

    private TextValue Captured(Statement[] body, Scope scope, out Flow flow)
    {
        Output outer = _output;
        _output = new Output(_run);
        flow = Execute(body, scope);
        TextValue text = _output.ToText();
        _output = outer;
        return text;
    }

    private Flow With(WithStatement with, Scope scope)
    {
        Scope inner = new(scope);
        // All values belong to the scope outside, also those behind a name that the block sets itself.
        Value[] values = [.. with.Values.Select(pair => _expressions.Evaluate(pair.Value, scope))];
        for (int i = 0; i < values.Length; i++) Assign(with.Values[i].Target, values[i], inner);
        return Execute(with.Body, inner);
    }

    /// <summary>A macro sees the names around its definition, as they are when it is called.</summary>
    private FunctionValue Macro(MacroDefinition macro, Scope definition) => new(macro.Name, (run, arguments) =>
    {
        Position call = run.At;
        Scope scope = new(definition);
        KeyValuePair<string, Value>[] named = arguments.Named;
        int caller = Array.FindIndex(named, argument => argument.Key == "caller");
        if (caller >= 0 && !Array.Exists(macro.Parameters, parameter => parameter.Name == "caller"))
        {
            scope.Set("caller", named[caller].Value);
            named = [.. named[..caller], .. named[(caller + 1)..]];
        }

        Bound bound = new Arguments(macro.Name, arguments.Positional, named).Bind(run, 0, [.. macro.Parameters.Select(parameter => parameter.Name)]);
        for (int i = 0; i < macro.Parameters.Length; i++)
        {
            (string name, Expression? fallback) = macro.Parameters[i];
            scope.Set(name, bound[i] ?? (fallback is null
                ? new UndefinedValue($"the parameter '{name}' of '{macro.Name}' is not given")
                : _expressions.Evaluate(fallback, scope)));
        }

        TextValue text = Captured(macro.Body, scope, out _);
        run.At = call;
        return text;
    });

    private Flow Generation(GenerationStatement generation, Scope scope)
    {
        // What a macro or a set block prints has no place in the output yet.
        if (_output != _page)
        {
            throw _run.Fail("found a generation block in a macro, a set, call or filter block, expected it in the template itself");
        }

        int start = _page.Length;
        Flow flow = Execute(generation.Body, new Scope(scope));
        _generated.Add(new TextSpan(start, _page.Length - start));
        return flow;
    }
}
