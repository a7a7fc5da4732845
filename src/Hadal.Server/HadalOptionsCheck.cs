using Microsoft.Extensions.Options;

namespace Hadal.Server;

/// <summary>Refuses options that make no sense, in one sentence each, before the host starts.</summary>
internal sealed class HadalOptionsCheck : IValidateOptions<HadalOptions>
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(1);

    public ValidateOptionsResult Validate(string? name, HadalOptions options)
    {
        List<string> problems = [];
        if ((options.ModelPath is null) == (options.Load is null)) problems.Add($"exactly one of {nameof(options.ModelPath)} and {nameof(options.Load)} must be set");
        if (options.ModelPath is { Length: 0 }) problems.Add($"{nameof(options.ModelPath)} is empty, expected a folder");
        if (options.ModelName is { } model && (model.Length == 0 || model.Any(char.IsControl))) problems.Add($"{nameof(options.ModelName)} must be text on one line");
        if (options.ApiKeys.Any(key => key.Length == 0 || key.Any(c => c is <= ' ' or > '~')))
        {
            problems.Add($"{nameof(options.ApiKeys)} has a key that no header can carry, expected visible ASCII without spaces");
        }

        try
        {
            options.Engine.Validate();
        }
        catch (ArgumentException e)
        {
            problems.Add(e.Message);
        }

        if (options.DraftSource is { Length: 0 }) problems.Add($"{nameof(options.DraftSource)} is empty, expected 'mtp', 'lookup' or a model");
        if (options.DraftSource is null && options.DraftTokens is not null) problems.Add($"{nameof(options.DraftTokens)} is set, expected a {nameof(options.DraftSource)} with it");
        if (options.ModelPath is null && options.DraftSource is not null) problems.Add($"{nameof(options.DraftSource)} is set, expected a {nameof(options.ModelPath)} with it");
        AtLeast(options.DraftTokens ?? 1, 1, nameof(options.DraftTokens));
        AtLeast(options.MaxRequestBytes, 1, nameof(options.MaxRequestBytes));
        AtLeast(options.MaxConcurrentRequests, 1, nameof(options.MaxConcurrentRequests));
        AtLeast(options.MaxSamples, 1, nameof(options.MaxSamples));
        AtLeast(options.MaxInputs, 1, nameof(options.MaxInputs));
        AtLeast(options.MaxAnswerTokens ?? 1, 1, nameof(options.MaxAnswerTokens));
        Lasts(options.RequestTimeout, TimeSpan.FromMilliseconds(1), nameof(options.RequestTimeout));
        Lasts(options.DrainTime, TimeSpan.Zero, nameof(options.DrainTime));
        Lasts(options.RetryAfter, TimeSpan.Zero, nameof(options.RetryAfter));
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems.Select(problem => $"Hadal's options: {problem}."));

        void AtLeast(long value, long least, string what)
        {
            if (value < least) problems.Add($"{what} is {value}, expected {least} or more");
        }

        void Lasts(TimeSpan value, TimeSpan least, string what)
        {
            if (value < least || value > s_longest) problems.Add($"{what} is {value}, expected {least} to {s_longest}");
        }
    }
}
