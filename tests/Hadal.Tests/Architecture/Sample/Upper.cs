using Hadal.Tests.Architecture.Sample.Lower;

namespace Hadal.Tests.Architecture.Sample.Upper;

// Each class uses the lower folder in one way only.
[Mark]
internal sealed class ByAttribute;

internal sealed class ByBaseType : Thing;

internal sealed class ByCatch
{
    public static bool Run(Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (Problem)
        {
            return false;
        }
    }
}

internal sealed class ByCode
{
    public static string Run() => Thing.Describe();
}

internal sealed class ByConstraint<T> where T : Thing;

internal sealed class ByField
{
    public readonly Dictionary<string, Thing[]> Things = [];
}

internal sealed class ByGenericCall
{
    public static object Run() => Array.Empty<Thing>();
}

internal abstract class ByInterface : IComparable<Thing>
{
    int IComparable<Thing>.CompareTo(Thing? other) => 0;
}

internal sealed class ByIterator
{
    public static IEnumerable<string> Run()
    {
        yield return Thing.Describe();
    }
}

internal sealed class ByLambda
{
    public static Func<string> Run(string before) => () => before + Thing.Describe();
}

internal sealed class ByLocal
{
    public static bool Run(object value) => value is Thing;
}

internal sealed class ByParameter
{
    public static bool Run(ref Thing?[] value) => value.Length > 0;
}

internal sealed class ByProperty
{
    public Thing? Value { get; init; }
}

internal abstract class ByReturn
{
    public abstract Task<Thing> Run();
}

internal sealed class ByTypeOf
{
    public static string Run() => typeof(Thing).Name;
}

internal sealed class UsesItsOwnFolder
{
    public static Type Run() => typeof(ByField);
}
