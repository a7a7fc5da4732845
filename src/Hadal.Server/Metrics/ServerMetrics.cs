using System.Collections.Concurrent;
using System.Diagnostics;

namespace Hadal.Server.Metrics;

/// <summary>What the server counts since its start.</summary>
internal sealed class ServerMetrics
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly ConcurrentDictionary<(string Endpoint, int Status), long> _requests = new();
    private readonly Histogram _duration = new(0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600);
    private readonly Histogram _firstToken = new(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60);
    private readonly Histogram _interToken = new(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5);

    /// <summary>Counts a finished request.</summary>
    /// <param name="endpoint">The pattern of its route, of which there are few.</param>
    /// <param name="status">Its status; 499 if the client left.</param>
    /// <param name="elapsed">How long it took.</param>
    public void Count(string endpoint, int status, TimeSpan elapsed)
    {
        _requests.AddOrUpdate((endpoint, status), 1, static (_, count) => count + 1);
        _duration.Observe(elapsed.TotalSeconds);
    }

    /// <summary>Measures the pace of one request's answers.</summary>
    /// <param name="arrived">When it came, in ticks of the stopwatch.</param>
    public AnswerPace Pace(long arrived) => new(_firstToken, _interToken, arrived);

    /// <summary>Writes everything.</summary>
    public void WriteTo(PrometheusText text)
    {
        text.Describe("hadal_requests_total", "counter", "Finished requests by route and status; 499 is a client that left.");
        foreach (((string endpoint, int status), long count) in _requests.OrderBy(pair => pair.Key.Endpoint, StringComparer.Ordinal).ThenBy(pair => pair.Key.Status))
        {
            text.Sample("hadal_requests_total", count, ("endpoint", endpoint), ("status", PrometheusText.Number(status)));
        }

        _duration.WriteTo(text, "hadal_request_seconds", "Time from a request's arrival to its end.");
        _firstToken.WriteTo(text, "hadal_time_to_first_token_seconds", "Time from a request's arrival to the first token of its answer.");
        _interToken.WriteTo(text, "hadal_inter_token_seconds", "Time between one token of an answer and the next, as the server sees them.");
        text.Single("hadal_uptime_seconds", "gauge", "Time since the server's start.", Stopwatch.GetElapsedTime(_started).TotalSeconds);
        text.Single("hadal_managed_memory_bytes", "gauge", "Bytes of the garbage-collected heap, without weights and caches.", GC.GetTotalMemory(forceFullCollection: false));
        text.Single("hadal_working_set_bytes", "gauge", "Bytes of the process that are in memory.", Environment.WorkingSet);
    }
}
