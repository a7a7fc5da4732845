namespace Hadal.Reinforcement.Answers;

/// <summary>What an answer can be: a formula or an arrangement of them.</summary>
internal abstract record MathObject
{
    /// <summary>Whether two answers are the same thing.</summary>
    public abstract bool Matches(MathObject other);

    /// <summary>Whether each object of one list is matched by one of its own in the other.</summary>
    protected static bool MatchUnordered(IReadOnlyList<MathObject> a, IReadOnlyList<MathObject> b)
    {
        if (a.Count != b.Count) return false;
        List<MathObject> left = [.. b];
        foreach (MathObject item in a)
        {
            int match = left.FindIndex(item.Matches);
            if (match < 0) return false;
            left.RemoveAt(match);
        }

        return true;
    }

    protected static bool MatchInOrder(IReadOnlyList<MathObject> a, IReadOnlyList<MathObject> b) =>
        a.Count == b.Count && !a.Where((item, i) => !item.Matches(b[i])).Any();
}

/// <summary>A number or an expression. It matches <c>x = formula</c> too: the name of the unknown is no part of the answer.</summary>
internal sealed record FormulaObject(Formula Formula) : MathObject
{
    public override bool Matches(MathObject other) => other switch
    {
        FormulaObject formula => FormulaComparison.AreEqual(Formula, formula.Formula),
        EquationObject { IsDefinition: true } equation => FormulaComparison.AreEqual(Formula, equation.Right),
        _ => false,
    };
}

/// <summary>±∞ in an interval.</summary>
internal sealed record InfinityObject(bool Negative) : MathObject
{
    public override bool Matches(MathObject other) => other is InfinityObject infinity && infinity.Negative == Negative;
}

/// <summary>An equation; equations match if one is a multiple of the other.</summary>
internal sealed record EquationObject(Formula Left, Formula Right) : MathObject
{
    public bool IsDefinition => Left is SymbolFormula;

    public override bool Matches(MathObject other) => other switch
    {
        EquationObject equation => FormulaComparison.AreProportional(Difference, equation.Difference),
        FormulaObject formula => formula.Matches(this),
        _ => false,
    };

    private SumFormula Difference => new(Left, new ProductFormula(new NumberFormula(-1), Right));
}

/// <summary>A point, a vector or an interval: things in order between brackets.</summary>
internal sealed record TupleObject(string Open, string Close, IReadOnlyList<MathObject> Items) : MathObject
{
    public override bool Matches(MathObject other) =>
        other is TupleObject tuple && Open == tuple.Open && Close == tuple.Close && MatchInOrder(Items, tuple.Items);
}

/// <summary>A set, or answers one after the other: their order says nothing.</summary>
internal sealed record CollectionObject(IReadOnlyList<MathObject> Items) : MathObject
{
    public override bool Matches(MathObject other) => other is CollectionObject collection && MatchUnordered(Items, collection.Items);
}

/// <summary>A union of intervals.</summary>
internal sealed record UnionObject(IReadOnlyList<MathObject> Items) : MathObject
{
    public override bool Matches(MathObject other) => other is UnionObject union && MatchUnordered(Items, union.Items);
}

/// <summary>A matrix or a column, row by row.</summary>
internal sealed record MatrixObject(int Columns, IReadOnlyList<MathObject> Items) : MathObject
{
    public override bool Matches(MathObject other) =>
        other is MatrixObject matrix && Columns == matrix.Columns && MatchInOrder(Items, matrix.Items);
}

/// <summary>A number written in a named base, as <c>52_8</c>: digits and base count, not the value.</summary>
internal sealed record BaseNumberObject(string Digits, int Base) : MathObject
{
    public override bool Matches(MathObject other) => other is BaseNumberObject number && Digits == number.Digits && Base == number.Base;
}

/// <summary>An answer in words.</summary>
internal sealed record WordsObject(string Words) : MathObject
{
    public override bool Matches(MathObject other) => other is WordsObject words && Words == words.Words;
}
