using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Hadal.Server.Contracts;
using Microsoft.AspNetCore.Http;

namespace Hadal.Server.Http;

/// <summary>One request on its way through an endpoint.</summary>
/// <param name="Http">Its context.</param>
/// <param name="Model">The model that serves it.</param>
/// <param name="Options">The server's bounds.</param>
/// <param name="Cancellation">Cancelled when the client leaves, when its time is up, or when the server must end.</param>
internal sealed record ApiCall(HttpContext Http, ServedModel Model, HadalOptions Options, CancellationToken Cancellation)
{
    /// <summary>When it came, in ticks of the stopwatch.</summary>
    public required long Arrived { get; init; }

    /// <summary>Reads the body.</summary>
    public Task<T> ReadAsync<T>(JsonTypeInfo<T> type)
        where T : class => JsonBody.ReadAsync(Http.Request, type, Options.MaxRequestBytes, Cancellation);

    /// <summary>Answers with JSON.</summary>
    public Task WriteAsync<T>(T value, JsonTypeInfo<T> type) => JsonReply.WriteAsync(Http.Response, 200, value, type, Cancellation);

    /// <summary>Refuses members that aren't known, and models that aren't served.</summary>
    /// <exception cref="ApiException">400 or 404.</exception>
    public void CheckMembers(Dictionary<string, JsonElement>? unknown, string? model)
    {
        if (unknown?.Keys.FirstOrDefault() is { } name)
        {
            string shown = name.Length <= 80 ? name : name[..80] + "...";
            throw new ApiException(400, $"unrecognized request argument supplied: {shown}", shown, "unknown_parameter");
        }

        if (model is not null && model != Model.Id) throw UnknownModel(model);
    }

    /// <summary>What a client is told that asks for another model.</summary>
    public static ApiException UnknownModel(string model) =>
        new(404, $"the model '{(model.Length <= 80 ? model : model[..80] + "...")}' does not exist", "model", "model_not_found");
}
