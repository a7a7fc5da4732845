namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>What <c>set</c>, <c>for</c> and <c>with</c> may give a value to.</summary>
internal sealed class TargetParser(TokenReader tokens)
{
    private static readonly string[] Literals = ["true", "True", "false", "False", "none", "None"];

    public Target Set() => Several(withNamespace: true, end: null);

    public Target ForLoop()
    {
        Target target = Several(withNamespace: false, end: "in");
        if (Names(target).Contains("loop")) throw tokens.Fail(target.At, "found 'loop' as a loop's variable, expected another name");
        return target;
    }

    public Target Name() => One(withNamespace: false);

    private static IEnumerable<string> Names(Target target) => target switch
    {
        NameTarget name => [name.Name],
        TupleTarget tuple => tuple.Items.SelectMany(Names),
        _ => [],
    };

    private Target Several(bool withNamespace, string? end)
    {
        Position at = tokens.Current.At;
        Target first = One(withNamespace);
        if (!tokens.Current.IsOperator(",")) return first;
        List<Target> items = [first];
        while (tokens.SkipOperator(",") && !AtEnd(end)) items.Add(One(withNamespace));
        return new TupleTarget(at, [.. items]);
    }

    private bool AtEnd(string? end) =>
        tokens.Current.Kind == TokenKind.BlockEnd || tokens.Current.IsOperator(")") || tokens.Current.IsOperator("=")
        || (end is not null && tokens.Current.IsName(end));

    private Target One(bool withNamespace)
    {
        Position at = tokens.Current.At;
        if (tokens.SkipOperator("("))
        {
            tokens.Enter();
            Target inside = Several(withNamespace, end: null);
            tokens.ExpectOperator(")");
            tokens.Leave();
            return inside;
        }

        Token name = tokens.Expect(TokenKind.Name, "the name of a variable");
        if (Literals.Contains(name.Text)) throw tokens.Fail(at, $"found {name.Found()}, expected the name of a variable");
        if (!withNamespace || !tokens.SkipOperator(".")) return new NameTarget(at, name.Text);
        return new NamespaceTarget(at, name.Text, tokens.Expect(TokenKind.Name, "the name of an attribute").Text);
    }
}
