namespace Hadal.Tests.Architecture.Sample.Lower;

/// <summary>Stands for what a folder above must not use.</summary>
internal class Thing
{
    public static string Describe() => "a thing";
}

[AttributeUsage(AttributeTargets.Class)]
internal sealed class MarkAttribute : Attribute;

internal sealed class Problem : Exception;

internal sealed class UsesUpper
{
    public Upper.UsesItsOwnFolder Made { get; } = new();
}
