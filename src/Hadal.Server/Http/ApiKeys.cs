using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Hadal.Server.Http;

/// <summary>
/// Lets requests in that carry a key. Keys are kept as SHA-256 hashes and compared in constant time, all of them whichever fits, so
/// that the time of an answer says nothing about how much of a guess was right.
/// </summary>
internal sealed class ApiKeys
{
    private const string Scheme = "Bearer ";
    private readonly byte[][] _hashes;

    public ApiKeys(IOptions<HadalOptions> options)
    {
        HadalOptions from = options.Value;
        string[] fromEnvironment = from.ApiKeyVariable is { } variable && Environment.GetEnvironmentVariable(variable) is { } keys
            ? keys.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            : [];
        _hashes = [.. from.ApiKeys.Concat(fromEnvironment).Select(key => SHA256.HashData(Encoding.UTF8.GetBytes(key)))];
    }

    /// <summary>Whether a key is needed at all.</summary>
    public bool AreRequired => _hashes.Length > 0;

    /// <summary>Refuses a request without a key.</summary>
    /// <exception cref="ApiException">401.</exception>
    public void Check(HttpRequest request)
    {
        if (!AreRequired) return;
        string header = request.Headers.Authorization.ToString();
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            throw new ApiException(401, "there is no API key, expected a header 'Authorization: Bearer KEY'", code: "invalid_api_key");
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(header[Scheme.Length..].Trim()), hash);
        bool isKnown = false;
        foreach (byte[] known in _hashes) isKnown |= CryptographicOperations.FixedTimeEquals(hash, known);
        if (!isKnown) throw new ApiException(401, "the API key is not one of this server's", code: "invalid_api_key");
    }
}
