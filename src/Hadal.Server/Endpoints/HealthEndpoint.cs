using Hadal.Server.Contracts;
using Hadal.Server.Http;

namespace Hadal.Server.Endpoints;

/// <summary>GET /health: whether requests are answered, for load balancers.</summary>
internal sealed class HealthEndpoint(ModelHost models, RequestGate gate)
{
    public static ApiRoute Route { get; } = new("/health", "GET", Needs.None);

    public Task HandleAsync(ApiCall call)
    {
        string status = gate.IsStopping ? "stopping" : models.Loaded.IsCompletedSuccessfully ? "ok" : models.Loaded.IsFaulted ? "failed" : "loading";
        return JsonReply.WriteAsync(call.Http.Response, status == "ok" ? 200 : 503, new HealthResponse(status), ServerJson.Relaxed.HealthResponse, call.Cancellation);
    }
}
