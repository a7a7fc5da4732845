namespace Hadal.Numerics;

/// <summary>
/// A number as a type: the JIT drops the code for rows and registers beyond it, so one source gives a kernel for each shape.
/// </summary>
internal interface ICount
{
    static abstract int Count { get; }
}

internal readonly struct Count1 : ICount
{
    public static int Count => 1;
}

internal readonly struct Count2 : ICount
{
    public static int Count => 2;
}

internal readonly struct Count3 : ICount
{
    public static int Count => 3;
}

internal readonly struct Count4 : ICount
{
    public static int Count => 4;
}

internal readonly struct Count5 : ICount
{
    public static int Count => 5;
}

internal readonly struct Count6 : ICount
{
    public static int Count => 6;
}

internal readonly struct Count7 : ICount
{
    public static int Count => 7;
}

internal readonly struct Count8 : ICount
{
    public static int Count => 8;
}
