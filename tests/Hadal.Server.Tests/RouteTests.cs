using System.Net;
using Hadal.Server.Tests.Testing;
using OpenAI.Models;

namespace Hadal.Server.Tests;

public sealed class RouteTests(SharedServer shared) : IClassFixture<SharedServer>
{
    [Fact]
    public async Task The_official_client_lists_the_model()
    {
        OpenAIModelClient client = shared.Server.OpenAI().GetOpenAIModelClient();
        OpenAIModel listed = Assert.Single((await client.GetModelsAsync()).Value);
        Assert.Equal(ScriptedModel.ModelId, listed.Id);
        Assert.Equal("hadal", listed.OwnedBy);
        Assert.Equal(listed.CreatedAt, (await client.GetModelAsync(ScriptedModel.ModelId)).Value.CreatedAt);
    }

    [Theory]
    [InlineData("GET", "/v1/models/other", 404)]
    [InlineData("GET", "/v1/nothing", 404)]
    [InlineData("POST", "/v1/responses", 404)]
    [InlineData("GET", "/no/such/page", 404)]
    [InlineData("GET", "/v1/chat/completions", 405)]
    [InlineData("DELETE", "/v1/models", 405)]
    [InlineData("PUT", "/v1/completions", 405)]
    [InlineData("POST", "/health", 405)]
    public async Task What_is_not_there_is_told_in_OpenAIs_form(string method, string path, int status)
    {
        using HttpRequestMessage request = new(new HttpMethod(method), new Uri(path, UriKind.Relative));
        using HttpResponseMessage response = await shared.Server.Http.SendAsync(request);
        Answer answer = await Answer.OfAsync(response);
        Assert.Equal((status, "application/json"), (answer.Status, answer.ContentType));
        Assert.Equal("invalid_request_error", answer.Error.GetProperty("type").GetString());
        Assert.EndsWith(".", answer.Error.GetProperty("message").GetString(), StringComparison.Ordinal);
        if (status == 405) Assert.Single(response.Content.Headers.Allow);
    }

    [Fact]
    public async Task Health_is_ok_and_nothing_says_what_server_this_is()
    {
        Answer answer = await shared.Server.GetAsync("/health");
        Assert.Equal((200, """{"status":"ok"}"""), (answer.Status, answer.Text));
        Assert.False(answer.Headers.Contains("Server"));
        using HttpRequestMessage head = new(HttpMethod.Head, new Uri("/health", UriKind.Relative));
        using HttpResponseMessage response = await shared.Server.Http.SendAsync(head);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task A_page_of_a_stranger_that_resolves_here_is_turned_away()
    {
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri("/v1/models", UriKind.Relative));
        request.Headers.Host = "evil.example";
        using HttpResponseMessage response = await shared.Server.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task The_page_is_at_the_root_unless_the_host_keeps_that_for_itself()
    {
        Assert.Equal("text/html", (await shared.Server.GetAsync("/")).ContentType);
        await using RunningServer bare = await RunningServer.StartAsync(options => options.ServesPage = false);
        Assert.Equal(404, (await bare.GetAsync("/")).Status);
    }

    [Fact]
    public async Task Metrics_count_what_happened()
    {
        const string Requests = """hadal_requests_total{endpoint="/v1/completions",status="200"}""";
        double requests = await shared.Server.MetricAsync(Requests), prompt = await shared.Server.MetricAsync("hadal_prompt_tokens_total");
        double generated = await shared.Server.MetricAsync("hadal_generated_tokens_total"), first = await shared.Server.MetricAsync("hadal_time_to_first_token_seconds_count");
        double inter = await shared.Server.MetricAsync("hadal_inter_token_seconds_count");
        Answer answer = await shared.Server.PostAsync("/v1/completions", """{"prompt": "Hello", "temperature": 0}""");
        Assert.Equal(200, answer.Status);
        await Eventually.HoldsAsync(async () => await shared.Server.MetricAsync(Requests) == requests + 1, "the request is counted");
        await Eventually.HoldsAsync(async () => await shared.Server.MetricAsync("hadal_running_sequences") == 0, "its sequence has ended");
        Assert.Equal(prompt + 1, await shared.Server.MetricAsync("hadal_prompt_tokens_total"));
        Assert.Equal(generated + 5, await shared.Server.MetricAsync("hadal_generated_tokens_total")); // the end of text is drawn, too
        Assert.Equal(first + 1, await shared.Server.MetricAsync("hadal_time_to_first_token_seconds_count"));
        Assert.Equal(inter + 3, await shared.Server.MetricAsync("hadal_inter_token_seconds_count"));
        Assert.Equal(first + 1, await shared.Server.MetricAsync("""hadal_time_to_first_token_seconds_bucket{le="+Inf"}"""));
        Assert.True(await shared.Server.MetricAsync("hadal_uptime_seconds") > 0);
    }
}
