using System.Globalization;
using Hadal.Inference;
using Hadal.Server.Tests.Testing;

namespace Hadal.Server.Tests;

/// <summary>
/// Two hundred clients at once, a third of whom leave half way. Seconds by default; two minutes with
/// <c>HADAL_SOAK_SECONDS=120 dotnet test tests/Hadal.Server.Tests -c Release --filter FullyQualifiedName~SoakTests</c>.
/// </summary>
public sealed class SoakTests
{
    private static readonly string[] s_expected = ["status=\"200\"", "status=\"429\"", "status=\"499\""];
    private const int Clients = 200;
    private const long ManagedBound = 32 << 20, WholeBound = 256 << 20;

    [Fact]
    public async Task Two_hundred_streaming_clients_of_whom_a_third_leave_get_nothing_but_answers_and_429()
    {
        double seconds = double.Parse(Environment.GetEnvironmentVariable("HADAL_SOAK_SECONDS") ?? "8", CultureInfo.InvariantCulture);
        await using RunningServer server = await RunningServer.StartAsync(
            load: () => ScriptedModel.Create(new EngineOptions { MaxRunning = 16, MaxQueued = 150 }));
        Counts counts = new();
        await RunAsync(server, seconds / 2, counts);
        (long managed, long whole) = await QuietAsync(server);
        await RunAsync(server, seconds / 2, counts);
        (long managedAfter, long wholeAfter) = await QuietAsync(server);

        Assert.True(counts.Whole > 0 && counts.Left > 0, $"{counts.Whole} answers were read to their end, {counts.Left} were left");
        Assert.True(counts.Refused > 0, "the queue was never full, so its bound was not tried");
        Assert.True(managedAfter - managed < ManagedBound, $"the heap grew from {managed:N0} to {managedAfter:N0} bytes");
        Assert.True(wholeAfter - whole < WholeBound, $"the process grew from {whole:N0} to {wholeAfter:N0} bytes");
        foreach (string line in (await server.GetAsync("/metrics")).Text.Split('\n').Where(l => l.StartsWith("hadal_requests_total", StringComparison.Ordinal)))
        {
            Assert.Contains(s_expected, status => line.Contains(status, StringComparison.Ordinal));
        }
    }

    private static async Task RunAsync(RunningServer server, double seconds, Counts counts)
    {
        long end = Environment.TickCount64 + (long)(seconds * 1000);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async client =>
        {
            for (int round = 0; round == 0 || Environment.TickCount64 < end; round++) await AskAsync(server, client, round, counts);
        }));
    }

    private static async Task AskAsync(RunningServer server, int client, int round, Counts counts)
    {
        int tokens = 10 + ((client + (7 * round)) % 40);
        string body = $$"""{"messages": [{"role": "user", "content": "Please sing for client {{client}}."}], "stream": true, "max_tokens": {{tokens}}, "seed": {{round}}}""";
        using HttpResponseMessage response = await OpenStream.SendAsync(server, body, "/v1/chat/completions");
        if ((int)response.StatusCode == 429)
        {
            Interlocked.Increment(ref counts.Refused);
            await Task.Delay(50 + (client % 50));
            return;
        }

        Assert.True(response.IsSuccessStatusCode, $"{response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        using StreamReader reader = new(await response.Content.ReadAsStreamAsync());
        int events = 0, leaves = (client + round) % 3 == 0 ? tokens / 2 : int.MaxValue;
        string last = "";
        while (events < leaves && await reader.ReadLineAsync() is { } line)
        {
            if (line.Length == 0) continue;
            events++;
            last = line;
            Assert.DoesNotContain("\"error\"", line, StringComparison.Ordinal);
        }

        if (leaves == int.MaxValue)
        {
            Assert.Equal("data: [DONE]", last);
            Assert.Equal(tokens + 3, events); // the role, the tokens, the reason, the end
            Interlocked.Increment(ref counts.Whole);
        }
        else
        {
            Interlocked.Increment(ref counts.Left);
        }
    }

    // When all have gone, nothing is left of them.
    private static async Task<(long Managed, long Whole)> QuietAsync(RunningServer server)
    {
        await Eventually.HoldsAsync(async () => await server.MetricAsync("hadal_active_requests") == 0, "no request is active");
        await Eventually.HoldsAsync(async () => await server.MetricAsync("hadal_running_sequences") == 0, "no sequence runs");
        await Eventually.HoldsAsync(async () => await server.MetricAsync("hadal_waiting_sequences") == 0, "none waits");
        await Eventually.HoldsAsync(async () => await server.MetricAsync("hadal_pages_used") == 0, "all pages are back");
        return (GC.GetTotalMemory(forceFullCollection: true), Environment.WorkingSet);
    }

    private sealed class Counts
    {
        public int Whole, Left, Refused;
    }
}
