using System.Net;
using Hadal.Server.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Hadal.Server;

/// <summary>Where a server of its own listens, and what it says.</summary>
public sealed record StandaloneOptions
{
    /// <summary>The address; by default only this machine can connect.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port; 0 takes a free one.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>Origins whose pages may call the server from a browser, as <c>https://example.org</c>; none by default.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <summary>What is logged, to standard error; Information logs each request, without its text.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Warning;
}

/// <summary>A web server with nothing but a model: no configuration files, no headers of its own, bounds on everything.</summary>
public static class StandaloneServer
{
    /// <summary>Connections beyond the requests that are worked on: idle ones, pages, health checks.</summary>
    private const int SpareConnections = 256;

    /// <summary>Makes a server, not yet started.</summary>
    public static WebApplication Create(StandaloneOptions options, Action<HadalOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(options);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Logging.SetMinimumLevel(options.LogLevel).AddFilter("Microsoft", LogLevel.Warning).AddSimpleConsole(console => console.SingleLine = true);

        // What keeps it from starting is thrown to whoever starts it, or is in ModelHost.Loaded, and needs no telling twice.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None).AddFilter(typeof(ModelHost).FullName, LogLevel.None);
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddHadal(configure);
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<HadalOptions>>((kestrel, hadal) =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = hadal.Value.MaxConcurrentRequests + SpareConnections;
            kestrel.Listen(options.Address, options.Port, listen => listen.Protocols = HttpProtocols.Http1);
        });
        bool isLoopback = IPAddress.IsLoopback(options.Address);
        if (isLoopback)
        {
            // A page of a stranger whose name resolves to this machine (DNS rebinding) would call with the stranger's name.
            builder.Services.AddHostFiltering(hosts => hosts.AllowedHosts = ["localhost", "127.0.0.1", "[::1]", options.Address.ToString()]);
        }

        if (options.CorsOrigins.Count > 0)
        {
            builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy.WithOrigins([.. options.CorsOrigins]).AllowAnyHeader().AllowAnyMethod()));
        }

        WebApplication app = builder.Build();
        if (isLoopback) app.UseHostFiltering();
        app.UseRouting();
        if (options.CorsOrigins.Count > 0) app.UseCors();
        app.MapHadal();
        app.MapFallback(app.Services.GetRequiredService<ApiGuard>().Refuse("*"));
        return app;
    }
}
