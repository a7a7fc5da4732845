using Hadal.Tokenization.Templates.Syntax;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>What expressions are worth. Every level of every expression passes through <see cref="Evaluate"/>, which counts it.</summary>
internal sealed class ExpressionEvaluator(Run run)
{
    public Value Evaluate(Expression expression, Scope scope)
    {
        run.Enter(expression.At);
        Value value = expression switch
        {
            Constant constant => constant.Value,
            NameExpression name => scope.Find(name.Name) ?? new UndefinedValue($"'{name.Name}' is undefined"),
            AttributeExpression attribute => Attribute(attribute, scope),
            ItemExpression item => Item(item, scope),
            SliceExpression slice => Slice(slice, scope),
            BinaryExpression binary => Binary(binary, scope),
            ComparisonExpression comparison => Compared(comparison, scope),
            LogicalExpression logical => Logical(logical, scope),
            UnaryExpression unary => Unary(unary, scope),
            CallExpression call => Call(call, scope, null),
            FilterExpression filter => Filter(filter, Evaluate(filter.Input!, scope), scope),
            TestExpression test => Test(test, scope),
            ConditionalExpression conditional => Conditional(conditional, scope),
            ConcatExpression concat => Concat(concat, scope),
            SequenceExpression sequence => Sequence(sequence, scope),
            MappingExpression mapping => Mapping(mapping, scope),
            _ => throw new InvalidOperationException(expression.GetType().Name),
        };
        run.Leave();
        return value;
    }

    public Value Filter(FilterExpression filter, Value input, Scope scope)
    {
        Arguments arguments = Arguments(filter.Name, filter.Arguments, scope, null);
        run.At = filter.At;
        return FilterTable.Apply(run, input, arguments);
    }

    /// <summary>Calls a function; a call block gives it the block's body under the name <c>caller</c>.</summary>
    public Value Call(CallExpression call, Scope scope, Value? caller)
    {
        Value function = Evaluate(call.Function, scope);
        string name = (function as FunctionValue)?.Name ?? "call";
        Arguments arguments = Arguments(name, call.Arguments, scope, caller);
        run.At = call.At;
        return function switch
        {
            FunctionValue known => known.Call(run, arguments),
            UndefinedValue undefined => throw run.Fail(undefined.Problem),
            _ => throw run.Fail($"found a call of a {function.TypeName}, expected a function"),
        };
    }

    private Arguments Arguments(string function, ArgumentList list, Scope scope, Value? caller)
    {
        Value[] positional = list.Positional.Length == 0 ? [] : new Value[list.Positional.Length];
        for (int i = 0; i < positional.Length; i++) positional[i] = Evaluate(list.Positional[i], scope);
        int named = list.Named.Length;
        KeyValuePair<string, Value>[] byName = named == 0 && caller is null ? [] : new KeyValuePair<string, Value>[named + (caller is null ? 0 : 1)];
        for (int i = 0; i < named; i++) byName[i] = new(list.Named[i].Name, Evaluate(list.Named[i].Value, scope));
        if (caller is not null) byName[^1] = new("caller", caller);
        return new Arguments(function, positional, byName);
    }

    private Value Attribute(AttributeExpression attribute, Scope scope)
    {
        Value target = Evaluate(attribute.Target, scope);
        run.At = attribute.At;
        return Attributes.Attribute(run, target, attribute.Name);
    }

    private Value Item(ItemExpression item, Scope scope)
    {
        Value target = Evaluate(item.Target, scope);
        Value key = Evaluate(item.Key, scope);
        run.At = item.At;
        return Attributes.Item(run, target, key);
    }

    private Value Slice(SliceExpression slice, Scope scope)
    {
        Value target = Evaluate(slice.Target, scope);
        Value? start = slice.Start is null ? null : Evaluate(slice.Start, scope);
        Value? stop = slice.Stop is null ? null : Evaluate(slice.Stop, scope);
        Value? step = slice.Step is null ? null : Evaluate(slice.Step, scope);
        run.At = slice.At;
        return Indexing.Slice(run, target, start, stop, step);
    }

    private Value Binary(BinaryExpression binary, Scope scope)
    {
        Value left = Evaluate(binary.Left, scope);
        Value right = Evaluate(binary.Right, scope);
        run.At = binary.At;
        return Arithmetic.Apply(run, binary.Operator, left, right);
    }

    private BooleanValue Compared(ComparisonExpression comparison, Scope scope)
    {
        Value left = Evaluate(comparison.First, scope);
        foreach ((Comparison op, Expression operand) in comparison.Rest)
        {
            Value right = Evaluate(operand, scope);
            run.At = comparison.At;
            if (!Holds(op, left, right)) return BooleanValue.False;
            left = right;
        }

        return BooleanValue.True;
    }

    private bool Holds(Comparison op, Value left, Value right) => op switch
    {
        Comparison.Equal => Equality.AreEqual(run, left, right),
        Comparison.NotEqual => !Equality.AreEqual(run, left, right),
        Comparison.In => Equality.Contains(run, right, left),
        Comparison.NotIn => !Equality.Contains(run, right, left),
        Comparison.Less => Equality.Compare(run, left, right) < 0,
        Comparison.LessOrEqual => Equality.Compare(run, left, right) <= 0,
        Comparison.Greater => Equality.Compare(run, left, right) > 0,
        _ => Equality.Compare(run, left, right) >= 0,
    };

    private Value Logical(LogicalExpression logical, Scope scope)
    {
        Value left = Evaluate(logical.Left, scope);
        return left.IsTruthy == logical.IsAnd ? Evaluate(logical.Right, scope) : left;
    }

    private Value Unary(UnaryExpression unary, Scope scope)
    {
        Value operand = Evaluate(unary.Operand, scope);
        if (unary.Operator == UnaryOperator.Not) return BooleanValue.Of(!operand.IsTruthy);
        run.At = unary.At;
        return Arithmetic.Signed(run, unary.Operator == UnaryOperator.Negative, operand);
    }

    private BooleanValue Test(TestExpression test, Scope scope)
    {
        Value subject = Evaluate(test.Subject, scope);
        Arguments arguments = Arguments(test.Name, test.Arguments, scope, null);
        run.At = test.At;
        return BooleanValue.Of(TestTable.Apply(run, subject, arguments));
    }

    private Value Conditional(ConditionalExpression conditional, Scope scope)
    {
        if (Evaluate(conditional.Condition, scope).IsTruthy) return Evaluate(conditional.Then, scope);
        if (conditional.Otherwise is not null) return Evaluate(conditional.Otherwise, scope);
        return new UndefinedValue("the condition doesn't hold and there is no 'else'");
    }

    private TextValue Concat(ConcatExpression concat, Scope scope)
    {
        Value[] parts = new Value[concat.Parts.Length];
        for (int i = 0; i < parts.Length; i++) parts[i] = Evaluate(concat.Parts[i], scope);
        run.At = concat.At;
        return Iteration.Join(run, TextValue.Empty, parts);
    }

    private SequenceValue Sequence(SequenceExpression sequence, Scope scope)
    {
        Value[] items = new Value[sequence.Items.Length];
        for (int i = 0; i < items.Length; i++) items[i] = Evaluate(sequence.Items[i], scope);
        run.At = sequence.At;
        return run.Sequence(sequence.Kind, items);
    }

    private MappingValue Mapping(MappingExpression mapping, Scope scope)
    {
        KeyValuePair<Value, Value>[] pairs = new KeyValuePair<Value, Value>[mapping.Pairs.Length];
        for (int i = 0; i < pairs.Length; i++)
        {
            pairs[i] = new(Evaluate(mapping.Pairs[i].Key, scope), Evaluate(mapping.Pairs[i].Value, scope));
        }

        run.At = mapping.At;
        return run.Mapping(pairs);
    }
}
