using System.Diagnostics;
using Hadal.Inference;
using Hadal.Server.Contracts;
using Hadal.Server.Metrics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Hadal.Server.Http;

/// <summary>
/// What every request goes through: method, key, place, model, time; and the one place where whatever goes wrong becomes an answer. A
/// request that fails before its first byte gets a status; one that fails later gets an event of its stream.
/// </summary>
internal sealed partial class ApiGuard(
    ModelHost models, ApiKeys keys, RequestGate gate, ServerMetrics metrics, IOptions<HadalOptions> options, ILogger<ApiGuard> log)
{
    // nginx's number for a client that left; nobody receives it, but metrics count it.
    private const int ClientLeft = 499;

    private readonly HadalOptions _options = options.Value;

    /// <summary>Puts the guard before an endpoint.</summary>
    public RequestDelegate Before(ApiRoute route, Func<ApiCall, Task> endpoint) => async http =>
    {
        long arrived = Stopwatch.GetTimestamp();
        using CancellationTokenSource ends = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, gate.End);
        ends.CancelAfter(_options.RequestTimeout);
        int status = await RunAsync(http, route, endpoint, arrived, ends.Token).ConfigureAwait(false);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(arrived);
        metrics.Count(route.Pattern, status, elapsed);
        LogRequest(route.Method, route.Pattern, status, elapsed.TotalMilliseconds);
    };

    /// <summary>Answers whatever has no endpoint with 404.</summary>
    /// <param name="name">What metrics call it.</param>
    public RequestDelegate Refuse(string name) => async http =>
    {
        metrics.Count(name, StatusCodes.Status404NotFound, TimeSpan.Zero);
        await TellAsync(http.Response, new ApiException(404, "there is nothing at this URL", code: "unknown_url")).ConfigureAwait(false);
    };

    private async Task<int> RunAsync(HttpContext http, ApiRoute route, Func<ApiCall, Task> endpoint, long arrived, CancellationToken cancellation)
    {
        bool isInside = false;
        try
        {
            CheckMethod(http.Request, route.Method);
            if (route.Needs.HasFlag(Needs.Key)) keys.Check(http.Request);
            if (route.Needs.HasFlag(Needs.Place)) gate.Enter();
            isInside = route.Needs.HasFlag(Needs.Place);
            ServedModel? model = route.Needs.HasFlag(Needs.Model) ? models.Current : null;
            await endpoint(new ApiCall(http, model!, _options, cancellation) { Arrived = arrived }).ConfigureAwait(false);
            return http.Response.StatusCode;
        }
#pragma warning disable CA1031 // Whatever it is becomes an answer; a defect of ours must not take the server down.
        catch (Exception e)
#pragma warning restore CA1031
        {
            if (e is IOException || http.RequestAborted.IsCancellationRequested) return ClientLeft;
            ApiException error = Explain(e, route, cancellation);
            await TellAsync(http.Response, error).ConfigureAwait(false);
            return error.Status;
        }
        finally
        {
            if (isInside) gate.Leave();
        }
    }

    private ApiException Explain(Exception e, ApiRoute route, CancellationToken cancellation)
    {
        switch (e)
        {
            case ApiException error:
                return error;
            case EngineBusyException:
                return gate.Busy(e.Message);
            case BadHttpRequestException bad:
                return new ApiException(bad.StatusCode, "the body can't be read, because it is too long, too slow or cut short");
            case OperationCanceledException when gate.End.IsCancellationRequested:
                return new ApiException(503, "the server is stopping", code: "stopping") { RetryAfter = _options.RetryAfter };
            case OperationCanceledException when cancellation.IsCancellationRequested:
                // To ask again would take as long again.
                string allowed = $"the answer took longer than the {_options.RequestTimeout.TotalSeconds:0.###} seconds that this server allows";
                return new ApiException(408, allowed, code: "request_timeout") { MayRetry = false };
            default:
                LogDefect(e, route.Pattern); // its text is not for strangers
                return new ApiException(500, "the server failed on this request", code: "internal_error");
        }
    }

    private static void CheckMethod(HttpRequest request, string method)
    {
        if (request.Method == method || (HttpMethods.IsHead(request.Method) && HttpMethods.IsGet(method))) return;
        throw new ApiException(405, $"the method {request.Method} is not allowed here, expected {method}") { Allow = method };
    }

    // The request's own cancellation may be what happened, so this has a short time of its own.
    private async Task TellAsync(HttpResponse response, ApiException error)
    {
        using CancellationTokenSource soon = CancellationTokenSource.CreateLinkedTokenSource(response.HttpContext.RequestAborted);
        soon.CancelAfter(TimeSpan.FromSeconds(5));
        try
        {
            if (!response.HasStarted) await JsonReply.WriteAsync(response, error, soon.Token).ConfigureAwait(false);
            else if (EventStream.IsOne(response)) await new EventStream(response).SendAsync(error.Body, ServerJson.Relaxed.ErrorResponse, soon.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            LogUntold(error.Status);
        }
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Method} {Route} {Status} in {Milliseconds:0.0} ms")]
    private partial void LogRequest(string method, string route, int status, double milliseconds);

    [LoggerMessage(EventId = 2, Level = LogLevel.Error, Message = "{Route} failed.")]
    private partial void LogDefect(Exception exception, string route);

    [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "A client left before it was told of status {Status}.")]
    private partial void LogUntold(int status);
}
