using Hadal.Server.Http;

namespace Hadal.Server.Endpoints;

/// <summary>What a request may cost in tokens.</summary>
internal static class Bounds
{
    /// <summary>Refuses a prompt that leaves no room for an answer.</summary>
    /// <exception cref="ApiException">400.</exception>
    public static void CheckPrompt(ApiCall call, int tokens, string param)
    {
        int context = call.Model.Engine.ContextLength;
        if (tokens < context) return;
        throw ApiException.BadValue(param, $"has {tokens} tokens, expected fewer than the context of {context}", "context_length_exceeded");
    }

    /// <summary>The most tokens that an answer may have: what was asked for, within the server's bound.</summary>
    public static int? AnswerTokens(ApiCall call, int? asked) =>
        asked is { } tokens && call.Options.MaxAnswerTokens is { } most ? Math.Min(tokens, most) : asked ?? call.Options.MaxAnswerTokens;
}
