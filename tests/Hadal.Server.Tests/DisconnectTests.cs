using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Hadal.Server.Http;
using Hadal.Server.Tests.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Hadal.Server.Tests;

public sealed class DisconnectTests
{
    private const string Song = """{"messages": [{"role": "user", "content": "sing"}], "stream": true, "max_tokens": 100000}""";

    [Fact]
    public async Task A_client_that_leaves_frees_its_sequence_and_its_pages()
    {
        await using RunningServer server = await RunningServer.StartAsync(load: () => ScriptedModel.Create(context: 1 << 17));
        for (int i = 0; i < 5; i++)
        {
            using OpenStream song = await OpenStream.StartAsync(server, Song);
            for (int e = 0; e < 5; e++) Assert.NotNull(await song.NextAsync());
            Assert.Equal(1, server.Gate.Active);
            song.Leave();
            await Eventually.HoldsAsync(() => Task.FromResult(server.Gate.Active == 0), "no request is active");
            await Eventually.HoldsAsync(async () => await server.MetricAsync("hadal_running_sequences") == 0, "no sequence runs");
            await Eventually.HoldsAsync(async () => await server.MetricAsync("hadal_pages_used") == 0, "all pages are back");
        }

        await Eventually.HoldsAsync(
            async () => await server.MetricAsync("""hadal_requests_total{endpoint="/v1/chat/completions",status="499"}""") == 5, "five clients are counted as gone");
    }

    [Fact]
    public async Task That_the_client_has_left_is_known_before_the_context_says_so()
    {
        Pipe connection = new();
        await connection.Reader.CompleteAsync();
        DefaultHttpContext http = new();
        http.Features.Set<IHttpResponseBodyFeature>(new PipeBody(connection.Writer));
        Assert.False(http.RequestAborted.IsCancellationRequested);
        await Assert.ThrowsAsync<IOException>(async () => await new EventStream(http.Response).EndAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_client_that_leaves_before_a_whole_answer_frees_it_too()
    {
        await using RunningServer server = await RunningServer.StartAsync(load: () => ScriptedModel.Create(context: 1 << 17));
        using CancellationTokenSource impatience = new();
        Task<Answer> waiting = server.PostAsync("/v1/completions", """{"prompt": "la ", "max_tokens": 100000}""", impatience.Token);
        await Eventually.HoldsAsync(() => Task.FromResult(server.Gate.Active == 1), "the request is in");
        await impatience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Eventually.HoldsAsync(() => Task.FromResult(server.Gate.Active == 0), "no request is active");
    }

    [Fact]
    public async Task A_client_that_sends_half_a_body_and_leaves_disturbs_nobody()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using (TcpClient client = new())
        {
            await client.ConnectAsync(server.Url.Host, server.Url.Port);
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"prompt\": \"x"));
            await Eventually.HoldsAsync(() => Task.FromResult(server.Gate.Active == 1), "the request is in");
        }

        await Eventually.HoldsAsync(() => Task.FromResult(server.Gate.Active == 0), "no request is active");
        Assert.Equal(200, (await server.PostAsync("/v1/completions", """{"prompt": "Hello"}""")).Status);
    }

    [Fact]
    public async Task A_slow_client_gets_its_whole_answer_and_holds_up_nobody()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using OpenStream slow = await OpenStream.StartAsync(server, """{"messages": [{"role": "user", "content": "sing"}], "stream": true, "max_tokens": 60}""");
        int pieces = 0;
        for (string? data = await slow.NextAsync(); data is not null && data != "[DONE]"; data = await slow.NextAsync())
        {
            await Task.Delay(20);
            pieces++;
            if (pieces % 10 == 0) Assert.Equal(200, (await server.PostAsync("/v1/completions", """{"prompt": "Hello"}""")).Status);
        }

        Assert.Equal(62, pieces); // the role, sixty pieces, the reason of the end
    }

    private sealed class PipeBody(PipeWriter writer) : IHttpResponseBodyFeature
    {
        public PipeWriter Writer => writer;

        public Stream Stream => writer.AsStream();

        public void DisableBuffering()
        {
        }

        public Task StartAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

        public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task CompleteAsync() => Task.CompletedTask;
    }
}
