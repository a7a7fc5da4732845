using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Hadal.Inference;
using Hadal.Server.Tests.Testing;

namespace Hadal.Server.Tests;

public sealed class LimitTests
{
    // Far longer than any test takes, for a model of LongContext positions.
    private const string Song = """{"messages": [{"role": "user", "content": "sing"}], "stream": true, "max_tokens": 120000}""";
    private const int LongContext = 1 << 17;

    [Fact]
    public async Task Requests_beyond_the_bound_get_429_and_are_told_when_to_come_back()
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.MaxConcurrentRequests = 1;
            options.RetryAfter = TimeSpan.FromSeconds(7);
        }, () => ScriptedModel.Create(context: LongContext));
        using OpenStream song = await OpenStream.StartAsync(server, Song);
        Answer refused = await server.PostAsync("/v1/completions", """{"prompt": "Hello"}""");
        Assert.Equal(429, refused.Status);
        Assert.Equal("rate_limit_error", refused.Error.GetProperty("type").GetString());
        Assert.Equal(TimeSpan.FromSeconds(7), refused.Headers.RetryAfter?.Delta);
        Assert.Equal(200, (await server.GetAsync("/v1/models")).Status);
        song.Leave();
        await Eventually.HoldsAsync(() => Task.FromResult(server.Gate.Active == 0), "the place is free again");
        Assert.Equal(200, (await server.PostAsync("/v1/completions", """{"prompt": "Hello"}""")).Status);
    }

    [Fact]
    public async Task A_full_queue_of_the_engine_is_429()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            load: () => ScriptedModel.Create(new EngineOptions { Threads = 1, MaxRunning = 1, MaxQueued = 1 }, LongContext));
        using OpenStream running = await OpenStream.StartAsync(server, Song);
        Task<Answer> waiting = server.PostAsync("/v1/completions", """{"prompt": "Hello"}""");
        await Eventually.HoldsAsync(async () => await server.MetricAsync("hadal_waiting_sequences") == 1, "one waits");
        Answer refused = await server.PostAsync("/v1/completions", """{"prompt": "Hello"}""");
        Assert.Equal(429, refused.Status);
        Assert.NotNull(refused.Headers.RetryAfter);
        running.Leave();
        Assert.Equal(200, (await waiting).Status);
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_413_whether_it_says_so_or_not()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.MaxRequestBytes = 1000);
        string body = $$"""{"prompt": "{{new string('x', 2000)}}"}""";
        Answer told = await server.PostAsync("/v1/completions", body);
        Assert.Equal(413, told.Status);
        Assert.Contains("1000 bytes", told.Text, StringComparison.Ordinal);

        using HttpRequestMessage request = new(HttpMethod.Post, new Uri("/v1/completions", UriKind.Relative));
        request.Headers.TransferEncodingChunked = true;
        request.Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        using HttpResponseMessage response = await server.Http.SendAsync(request);
        Assert.Equal(413, (int)response.StatusCode);
        Assert.Equal(200, (await server.PostAsync("/v1/completions", """{"prompt": "Hello"}""")).Status);
    }

    [Fact]
    public async Task An_answer_that_takes_too_long_is_408_or_an_event_of_its_stream()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            options => options.RequestTimeout = TimeSpan.FromSeconds(1), () => ScriptedModel.Create(context: LongContext));
        Answer whole = await server.PostAsync("/v1/completions", """{"prompt": "la ", "max_tokens": 120000, "n": 16}""");
        Assert.Equal((408, "request_timeout"), (whole.Status, whole.Error.GetProperty("code").GetString()));
        Assert.Equal("false", Assert.Single(whole.Headers.GetValues("x-should-retry")));

        Answer stream = await server.PostAsync("/v1/completions", """{"prompt": "la ", "max_tokens": 120000, "n": 16, "stream": true}""");
        Assert.Equal(200, stream.Status);
        string last = stream.Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.Equal("request_timeout", JsonElement.Parse(last["data: ".Length..]).GetProperty("error").GetProperty("code").GetString());
        await Eventually.HoldsAsync(async () => await server.MetricAsync("""hadal_requests_total{endpoint="/v1/completions",status="408"}""") == 2, "both are counted");
    }

    [Fact]
    public async Task Answers_and_contexts_are_bounded_by_the_server()
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.MaxAnswerTokens = 3;
            options.MaxSamples = 2;
            options.MaxInputs = 2;
        }, () => ScriptedModel.Create(new EngineOptions { Threads = 1, MaxContext = 50 }));
        JsonElement model = (await server.GetAsync("/v1/models")).Json.GetProperty("data")[0];
        Assert.Equal(50, model.GetProperty("context_length").GetInt32());
        Assert.Equal(3, Tokens(await server.PostAsync("/v1/completions", """{"prompt": "la ", "max_tokens": 10}""")));
        Assert.Equal(3, Tokens(await server.PostAsync("/v1/chat/completions", """{"messages": [{"role": "user", "content": "sing"}]}""")));
        Assert.Equal(2, Tokens(await server.PostAsync("/v1/completions", $$"""{"prompt": "{{string.Concat(Enumerable.Repeat("la ", 48))}}"}"""))); // the context leaves two
        Answer tooLong = await server.PostAsync("/v1/completions", $$"""{"prompt": "{{new string('q', 50)}}"}""");
        Assert.Equal("context_length_exceeded", tooLong.Error.GetProperty("code").GetString());
        Answer chat = await server.PostAsync("/v1/chat/completions", $$"""{"messages": [{"role": "user", "content": "{{new string('q', 50)}}"}]}""");
        Assert.Equal("context_length_exceeded", chat.Error.GetProperty("code").GetString());
        Assert.Equal("n", (await server.PostAsync("/v1/completions", """{"prompt": "la ", "n": 3}""")).Error.GetProperty("param").GetString());
        Assert.Equal("prompt", (await server.PostAsync("/v1/completions", """{"prompt": ["a", "b", "c"]}""")).Error.GetProperty("param").GetString());

        static int Tokens(Answer answer)
        {
            Assert.True(answer.Status == 200, answer.Text);
            return answer.Json.GetProperty("usage").GetProperty("completion_tokens").GetInt32();
        }
    }

    [Fact]
    public async Task A_model_without_a_template_can_still_complete()
    {
        await using RunningServer server = await RunningServer.StartAsync(load: () => ScriptedModel.Create(hasTemplate: false));
        Answer chat = await server.PostAsync("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}]}""");
        Assert.Equal(400, chat.Status);
        Assert.Contains("/v1/completions", chat.Text, StringComparison.Ordinal);
        Assert.Equal(200, (await server.PostAsync("/v1/completions", """{"prompt": "Hello"}""")).Status);
    }
}
