using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using Hadal.Inference;
using Hadal.Server.Tests.Testing;
using Microsoft.Extensions.Logging;

namespace Hadal.Server.Tests;

public sealed class FuzzTests
{
    private const int Bodies = 10_000;
    private const long MemoryBound = 64 << 20;

    [Fact]
    public async Task Ten_thousand_strange_bodies_get_no_500_no_crash_and_no_memory()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            options =>
            {
                options.MaxAnswerTokens = 4;
                options.MaxSamples = 4;
            },
            () => ScriptedModel.Create(new EngineOptions { Threads = 1 }, context: 256));
        BodyFuzzer fuzzer = new(seed: 4);
        ConcurrentDictionary<int, int> statuses = new();
        await SendAsync(0, Bodies / 10); // warm
        long before = GC.GetTotalMemory(forceFullCollection: true);
        await SendAsync(Bodies / 10, Bodies);
        long after = GC.GetTotalMemory(forceFullCollection: true);
        Assert.True(after - before < MemoryBound, $"{after - before:N0} bytes stayed behind");

        Assert.Equal(Bodies, statuses.Values.Sum());
        Assert.Subset(new HashSet<int> { 200, 400, 404 }, statuses.Keys.ToHashSet());
        Assert.True(statuses.GetValueOrDefault(200) > Bodies / 50, "hardly any body was still valid, so little was tried");
        Assert.True(statuses.GetValueOrDefault(400) > Bodies / 2, "hardly any body was refused");
        Assert.Equal(0, server.Gate.Active);
        Answer sane = await server.PostAsync("/v1/completions", """{"prompt": "Hello", "temperature": 0}""");
        Assert.Equal(" there, friend.", sane.Json.GetProperty("choices")[0].GetProperty("text").GetString());

        async Task SendAsync(int from, int to) => await Parallel.ForAsync(from, to, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, cancellation) =>
        {
            (string path, byte[] body) = fuzzer.Make(i);
            using ByteArrayContent content = new(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using HttpResponseMessage response = await server.Http.PostAsync(new Uri(path, UriKind.Relative), content, cancellation);
            Answer answer = await Answer.OfAsync(response);
            statuses.AddOrUpdate(answer.Status, 1, (_, count) => count + 1);
            bool isSound = answer.Status == 200 ? !answer.Text.Contains("\"error\":", StringComparison.Ordinal) : answer.Error.GetProperty("message").GetString() is { Length: > 5 and < 2000 };
            Assert.True(answer.Status < 500 && isSound, $"body {i} for {path} got {answer.Status}: {Shorten(answer.Text)}, for {Shorten(Encoding.UTF8.GetString(body))}");
        });

        static string Shorten(string text) => text.Length <= 2000 ? text : text[..2000] + "...";
    }
}
