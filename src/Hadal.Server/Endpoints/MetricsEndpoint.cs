using System.Text;
using Hadal.Server.Http;
using Hadal.Server.Metrics;

namespace Hadal.Server.Endpoints;

/// <summary>GET /metrics: what the server counts, for Prometheus.</summary>
internal sealed class MetricsEndpoint(ServerMetrics metrics, RequestGate gate, ModelHost models)
{
    public static ApiRoute Route { get; } = new("/metrics", "GET", Needs.Key);

    public async Task HandleAsync(ApiCall call)
    {
        PrometheusText text = new();
        metrics.WriteTo(text);
        text.Single("hadal_active_requests", "gauge", "Requests that are worked on or wait.", gate.Active);
        if (models.Loaded.IsCompletedSuccessfully) EngineMetrics.WriteTo(text, models.Current.Engine.Statistics);
        call.Http.Response.ContentType = PrometheusText.ContentType;
        await call.Http.Response.BodyWriter.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()), call.Cancellation).ConfigureAwait(false);
    }
}
