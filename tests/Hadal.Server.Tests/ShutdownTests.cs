using System.Text.Json;
using Hadal.Server.Tests.Testing;

namespace Hadal.Server.Tests;

public sealed class ShutdownTests
{
    [Fact]
    public async Task Running_answers_end_in_peace_while_new_requests_are_turned_away()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.DrainTime = TimeSpan.FromMinutes(5));
        using OpenStream song = await OpenStream.StartAsync(server, """{"messages": [{"role": "user", "content": "sing"}], "stream": true, "max_tokens": 3000}""");
        Task stopping = server.App.StopAsync();
        await Eventually.HoldsAsync(async () => (await server.GetAsync("/health")).Status == 503, "the server says that it is stopping");
        Answer refused = await server.PostAsync("/v1/completions", """{"prompt": "Hello"}""");
        Assert.Equal((503, "stopping"), (refused.Status, refused.Error.GetProperty("code").GetString()));
        Assert.NotNull(refused.Headers.RetryAfter);

        int pieces = 0;
        string? data;
        while ((data = await song.NextAsync()) is not (null or "[DONE]")) pieces++;
        Assert.Equal("[DONE]", data);
        Assert.Equal(3002, pieces);
        await stopping;
    }

    [Fact]
    public async Task Answers_that_take_longer_than_the_server_waits_are_ended_with_a_word()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            options => options.DrainTime = TimeSpan.FromMilliseconds(200), () => ScriptedModel.Create(context: 1 << 17));
        using OpenStream song = await OpenStream.StartAsync(server, """{"messages": [{"role": "user", "content": "sing"}], "stream": true, "max_tokens": 120000}""");
        Task stopping = server.App.StopAsync();
        string last = "";
        while (await song.NextAsync() is { } data) last = data;
        Assert.Equal("stopping", JsonElement.Parse(last).GetProperty("error").GetProperty("code").GetString());
        await stopping;
        Assert.Equal(0, server.Gate.Active);
    }
}
