using System.Net;
using System.Net.Sockets;
using Hadal.Server.Tests.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Hadal.Server.Tests;

public sealed class HostingTests
{
    [Fact]
    public async Task A_host_of_ones_own_adds_a_model_with_two_lines()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseTestServer();
        builder.Services.AddHadal(options => options.Load = () => ScriptedModel.Create());
        builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy.WithOrigins("https://app.example").AllowAnyHeader()));
        await using WebApplication app = builder.Build();
        app.UseRouting();
        app.UseCors();
        app.MapHadal().RequireCors(policy => policy.WithOrigins("https://app.example").AllowAnyHeader());
        app.MapGet("/own", () => "mine");
        await app.StartAsync();
        await app.Services.GetRequiredService<ModelHost>().Loaded;
        using HttpClient client = app.GetTestClient();
        using StringContent body = new("""{"prompt": "Hello", "temperature": 0}""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));
        using HttpResponseMessage answer = await client.PostAsync(new Uri("/v1/completions", UriKind.Relative), body);
        Assert.Contains(" there, friend.", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("mine", await client.GetStringAsync(new Uri("/own", UriKind.Relative)));

        using HttpRequestMessage preflight = new(HttpMethod.Options, new Uri("/v1/chat/completions", UriKind.Relative));
        preflight.Headers.Add("Origin", "https://app.example");
        preflight.Headers.Add("Access-Control-Request-Method", "POST");
        using HttpResponseMessage allowed = await client.SendAsync(preflight);
        Assert.Equal("https://app.example", Assert.Single(allowed.Headers.GetValues("Access-Control-Allow-Origin")));
    }

    [Fact]
    public async Task No_other_page_may_call_by_default()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using HttpRequestMessage request = new(HttpMethod.Options, new Uri("/v1/chat/completions", UriKind.Relative));
        request.Headers.Add("Origin", "https://evil.example");
        request.Headers.Add("Access-Control-Request-Method", "POST");
        using HttpResponseMessage response = await server.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("ModelPath")]
    [InlineData("MaxRequestBytes")]
    [InlineData("MaxSamples")]
    [InlineData("RequestTimeout")]
    [InlineData("ApiKeys")]
    public async Task Options_that_make_no_sense_stop_the_host_at_its_start(string what)
    {
        OptionsValidationException refused = await Assert.ThrowsAsync<OptionsValidationException>(async () => await StartAsync(options =>
        {
            options.Load = () => ScriptedModel.Create();
            if (what == "ModelPath") options.ModelPath = "as well";
            if (what == "MaxRequestBytes") options.MaxRequestBytes = 0;
            if (what == "MaxSamples") options.MaxSamples = -1;
            if (what == "RequestTimeout") options.RequestTimeout = TimeSpan.Zero;
            if (what == "ApiKeys") options.ApiKeys.Add("two words");
        }));
        Assert.Contains(what, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("two words", refused.Message, StringComparison.Ordinal);

        static async Task StartAsync(Action<HadalOptions> configure)
        {
            await using WebApplication app = StandaloneServer.Create(new StandaloneOptions { Port = 0 }, configure);
            await app.StartAsync();
        }
    }

    [Fact]
    public async Task While_the_model_loads_the_server_says_so_and_if_it_can_not_the_host_stops()
    {
        using ManualResetEventSlim open = new();
        await using WebApplication app = StandaloneServer.Create(new StandaloneOptions { Port = 0, LogLevel = LogLevel.None }, options => options.Load = () =>
        {
            open.Wait();
            throw new InvalidDataException("the weights are torn");
        });
        await app.StartAsync();
        using HttpClient client = new() { BaseAddress = new Uri(app.Urls.First()) };
        using HttpResponseMessage health = await client.GetAsync(new Uri("/health", UriKind.Relative)), models = await client.GetAsync(new Uri("/v1/models", UriKind.Relative));
        Assert.Equal("""{"status":"loading"}""", await health.Content.ReadAsStringAsync());
        Answer early = await Answer.OfAsync(models);
        Assert.Equal((503, "model_loading"), (early.Status, early.Error.GetProperty("code").GetString()));
        open.Set();
        await app.WaitForShutdownAsync();
        await Assert.ThrowsAsync<InvalidDataException>(() => app.Services.GetRequiredService<ModelHost>().Loaded);
    }

    [Fact]
    public async Task A_model_that_fails_at_once_does_not_fail_the_start_but_stops_the_host_after_it()
    {
        await using WebApplication app = StandaloneServer.Create(new StandaloneOptions { Port = 0, LogLevel = LogLevel.None }, options => options.ModelPath = "/no/such/model");
        await app.StartAsync();
        await app.WaitForShutdownAsync();
        await Assert.ThrowsAsync<Hadal.Tokenization.TokenizerException>(() => app.Services.GetRequiredService<ModelHost>().Loaded);
    }

    [Fact]
    public async Task A_port_that_is_taken_is_one_sentence()
    {
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await using WebApplication app = StandaloneServer.Create(new StandaloneOptions { Port = port }, options => options.Load = () => ScriptedModel.Create());
        IOException refused = await Assert.ThrowsAsync<IOException>(() => app.StartAsync());
        Assert.Equal($"Failed to bind to address http://127.0.0.1:{port}: address already in use.", refused.Message);
    }
}
