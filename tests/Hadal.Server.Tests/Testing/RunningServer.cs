using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Hadal.Server.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using OpenAI;

namespace Hadal.Server.Tests.Testing;

/// <summary>The scripted model behind a real web server on a free port.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private RunningServer(WebApplication app)
    {
        App = app;
        Url = new Uri(app.Urls.First());
        Http = new HttpClient(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 1000 }) { BaseAddress = Url, Timeout = TimeSpan.FromMinutes(5) };
    }

    public WebApplication App { get; }

    public Uri Url { get; }

    public HttpClient Http { get; }

    public RequestGate Gate => App.Services.GetRequiredService<RequestGate>();

    public ServedModel Model => App.Services.GetRequiredService<ModelHost>().Loaded.Result;

    /// <summary>Starts a server and waits for its model.</summary>
    public static async Task<RunningServer> StartAsync(Action<HadalOptions>? configure = null, Func<ServedModel>? load = null)
    {
        WebApplication app = StandaloneServer.Create(new StandaloneOptions { Port = 0 }, options =>
        {
            options.ApiKeyVariable = null;
            options.Load = load ?? (() => ScriptedModel.Create());
            configure?.Invoke(options);
        });
        await app.StartAsync();
        await app.Services.GetRequiredService<ModelHost>().Loaded;
        return new RunningServer(app);
    }

    /// <summary>OpenAI's own client.</summary>
    public OpenAIClient OpenAI(string key = "none") => new(
        new ApiKeyCredential(key),
        new OpenAIClientOptions { Endpoint = new Uri(Url, "/v1"), RetryPolicy = new ClientRetryPolicy(maxRetries: 0) });

    /// <summary>Posts JSON.</summary>
    public async Task<Answer> PostAsync(string path, string json, CancellationToken cancellation = default)
    {
        using StringContent content = new(json, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        using HttpResponseMessage response = await Http.PostAsync(new Uri(path, UriKind.Relative), content, cancellation);
        return await Answer.OfAsync(response);
    }

    /// <summary>Gets something.</summary>
    public async Task<Answer> GetAsync(string path)
    {
        using HttpResponseMessage response = await Http.GetAsync(new Uri(path, UriKind.Relative));
        return await Answer.OfAsync(response);
    }

    /// <summary>A metric's value; 0 if there is none yet.</summary>
    public async Task<double> MetricAsync(string sample)
    {
        string text = (await GetAsync("/metrics")).Text;
        string? line = text.Split('\n').FirstOrDefault(l => l.StartsWith(sample + " ", StringComparison.Ordinal));
        return line is null ? 0 : double.Parse(line[(sample.Length + 1)..], System.Globalization.CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await App.StopAsync();
        await App.DisposeAsync();
    }
}

/// <summary>What a server said.</summary>
internal sealed record Answer(int Status, string Text, HttpResponseHeaders Headers, string? ContentType)
{
    public JsonElement Json => JsonElement.Parse(Text);

    public JsonElement Error => Json.GetProperty("error");

    /// <summary>The events of a stream, without the last, which must say that it is done.</summary>
    public IReadOnlyList<JsonElement> Events
    {
        get
        {
            string[] events = Text.Split("\n\n");
            Assert.Equal("", events[^1]);
            Assert.Equal("data: [DONE]", events[^2]);
            return [.. events[..^2].Select(e => JsonElement.Parse(e.AsSpan("data: ".Length).ToString()))];
        }
    }

    public static async Task<Answer> OfAsync(HttpResponseMessage response) =>
        new((int)response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers, response.Content.Headers.ContentType?.MediaType);
}
