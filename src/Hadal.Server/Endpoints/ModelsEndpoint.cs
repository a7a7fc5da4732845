using Hadal.Server.Contracts;
using Hadal.Server.Http;

namespace Hadal.Server.Endpoints;

/// <summary>GET /v1/models and /v1/models/{id}: what is served.</summary>
internal static class ModelsEndpoint
{
    public static ApiRoute List { get; } = new("/v1/models", "GET", Needs.Key | Needs.Model);

    /// <summary>Names may have slashes.</summary>
    public static ApiRoute One { get; } = new("/v1/models/{**id}", "GET", Needs.Key | Needs.Model);

    public static Task ListAsync(ApiCall call) =>
        call.WriteAsync(new ModelListResponse("list", [Describe(call)]), ServerJson.Relaxed.ModelListResponse);

    public static Task OneAsync(ApiCall call)
    {
        string id = call.Http.Request.RouteValues["id"] as string ?? "";
        return id == call.Model.Id ? call.WriteAsync(Describe(call), ServerJson.Relaxed.ModelResponse) : throw ApiCall.UnknownModel(id);
    }

    private static ModelResponse Describe(ApiCall call) =>
        new(call.Model.Id, "model", call.Model.Created.ToUnixTimeSeconds(), "hadal", call.Model.Engine.ContextLength, call.Model.Chat is not null);
}
