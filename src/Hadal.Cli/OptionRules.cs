using System.CommandLine;
using System.CommandLine.Parsing;

namespace Hadal.Cli;

/// <summary>What an option takes: anything else, text where a number belongs too, is refused with one sentence that says it.</summary>
internal static class OptionRules
{
    /// <summary>Refuses other values of an option; one that isn't given is null where the option allows it.</summary>
    public static void Require<T>(this Option<T> option, Func<T, bool> holds, string expected) => option.Validators.Add(result =>
    {
        if (!TryRead(result, out T value) || !holds(value)) result.AddError($"{option.Name} takes {expected}.");
    });

    /// <summary>Refuses numbers below a bound.</summary>
    public static void RequireAtLeast(this Option<int> option, int least) => option.Require(value => value >= least, $"a number from {least} on");

    /// <inheritdoc cref="RequireAtLeast(Option{int}, int)"/>
    public static void RequireAtLeast(this Option<int?> option, int least) => option.Require(value => value is null || value >= least, $"a number from {least} on");

    /// <summary>Refuses what is no whole number.</summary>
    public static void RequireInteger<T>(this Option<T> option) => option.Require(_ => true, "a whole number");

    /// <summary>Refuses what is none of an enumeration's names.</summary>
    public static void RequireName<T>(this Option<T?> option) where T : struct, Enum =>
        option.Require(value => value is null || Enum.IsDefined(value.Value), $"one of {string.Join(", ", Enum.GetNames<T>())}");

    // The parser tells by an exception that text does not convert to the option's type.
    private static bool TryRead<T>(OptionResult result, out T value)
    {
        try
        {
            value = result.GetValueOrDefault<T>()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            value = default!;
            return false;
        }
    }
}
