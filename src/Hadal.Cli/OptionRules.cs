using System.CommandLine;
using System.CommandLine.Parsing;
using System.Numerics;

namespace Hadal.Cli;

/// <summary>What an option takes: anything else, text where a number belongs too, is refused with one sentence that says it.</summary>
internal static class OptionRules
{
    /// <summary>Refuses other values of an option; one that isn't given is null where the option allows it.</summary>
    public static void Require<T>(this Option<T> option, Func<T, bool> holds, string expected) => option.Validators.Add(result =>
    {
        if (TryRead(result, out T value) && holds(value)) return;
        string given = string.Join(' ', result.Tokens.Select(token => token.Value));
        result.AddError($"{option.Name} is '{given}', expected {expected}.");
    });

    /// <summary>Refuses whole numbers below a bound, and what is none of that type.</summary>
    public static void RequireAtLeast<T>(this Option<T> option, T least) where T : struct, IBinaryInteger<T>, IMinMaxValue<T> =>
        option.Require(value => value >= least, Range(least));

    /// <inheritdoc cref="RequireAtLeast{T}(Option{T}, T)"/>
    public static void RequireAtLeast<T>(this Option<T?> option, T least) where T : struct, IBinaryInteger<T>, IMinMaxValue<T> =>
        option.Require(value => value is null || value >= least, Range(least));

    /// <summary>Refuses what is no whole number of that type.</summary>
    public static void RequireInteger<T>(this Option<T> option) where T : struct, IBinaryInteger<T>, IMinMaxValue<T> => option.RequireAtLeast(T.MinValue);

    /// <inheritdoc cref="RequireInteger{T}(Option{T})"/>
    public static void RequireInteger<T>(this Option<T?> option) where T : struct, IBinaryInteger<T>, IMinMaxValue<T> => option.RequireAtLeast(T.MinValue);

    /// <summary>Refuses what is none of an enumeration's names.</summary>
    public static void RequireName<T>(this Option<T?> option) where T : struct, Enum =>
        option.Require(value => value is null || Enum.IsDefined(value.Value), $"one of {string.Join(", ", Enum.GetNames<T>())}");

    private static string Range<T>(T least) where T : struct, IBinaryInteger<T>, IMinMaxValue<T> => $"a whole number from {least} to {T.MaxValue}";

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
