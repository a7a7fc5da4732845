using Hadal.Server.Contracts;

namespace Hadal.Server.Http;

/// <summary>A request that is not answered as it wished: the status and the words for its client.</summary>
/// <param name="status">HTTP status.</param>
/// <param name="message">One sentence, without its full stop.</param>
/// <param name="param">The member of the body that is wrong.</param>
/// <param name="code">A name for programs.</param>
internal sealed class ApiException(int status, string message, string? param = null, string? code = null) : Exception(message)
{
    public int Status => status;

    /// <summary>When it may be worth to ask again.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The only method that the route knows, for 405.</summary>
    public string? Allow { get; init; }

    /// <summary>False tells OpenAI's clients not to try again by themselves, as they do on 408.</summary>
    public bool MayRetry { get; init; } = true;

    public ErrorResponse Body => new(new ErrorBody($"{char.ToUpperInvariant(Message[0])}{Message.AsSpan(1)}.", Type(status)) { Param = param, Code = code });

    /// <summary>A value that can't be.</summary>
    public static ApiException BadValue(string param, string problem, string? code = null) => new(400, $"'{param}' {problem}", param, code);

    private static string Type(int status) => status switch
    {
        429 => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };
}
