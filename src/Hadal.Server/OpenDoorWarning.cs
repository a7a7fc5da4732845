using System.Net;
using Hadal.Server.Http;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Hadal.Server;

/// <summary>Warns once when others than this machine can connect and no key is asked for.</summary>
internal sealed partial class OpenDoorWarning(IServer server, ApiKeys keys, IHostApplicationLifetime lifetime, ILogger<OpenDoorWarning> log) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStarted.Register(Check);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Whether an address of the server, such as <c>http://[::]:8080</c>, can be reached from elsewhere.</summary>
    internal static bool IsOpen(string address) =>
        !Uri.TryCreate(address.Replace("//+", "//0.0.0.0", StringComparison.Ordinal).Replace("//*", "//0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out Uri? uri)
        || !(uri.Host == "localhost" || (IPAddress.TryParse(uri.Host, out IPAddress? ip) && IPAddress.IsLoopback(ip)));

    private void Check()
    {
        if (keys.AreRequired) return;
        foreach (string address in server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [])
        {
            if (IsOpen(address)) LogOpen(address);
        }
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "{Address} can be reached by other machines, and no API key is set: anyone who can connect can use the model.")]
    private partial void LogOpen(string address);
}
