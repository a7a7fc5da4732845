namespace Hadal.Server;

/// <summary>What answers were made by.</summary>
internal static class ServerVersion
{
    /// <summary>With the same fingerprint, model and seed an answer is the same, as OpenAI's <c>system_fingerprint</c> promises.</summary>
    public static string Fingerprint { get; } = $"hadal-{typeof(ServerVersion).Assembly.GetName().Version?.ToString(3)}";
}
