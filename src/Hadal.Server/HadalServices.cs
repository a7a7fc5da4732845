using Hadal.Server.Endpoints;
using Hadal.Server.Http;
using Hadal.Server.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Hadal.Server;

/// <summary>Adds a model to a host.</summary>
public static class HadalServices
{
    // Beyond the time for draining, for cancelled requests to leave and for the web server to close its connections.
    private static readonly TimeSpan s_afterDraining = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Adds what <see cref="HadalEndpoints.MapHadal"/> needs. The model is loaded when the host starts, in the background; the host's
    /// shutdown timeout is raised so that running answers get <see cref="HadalOptions.DrainTime"/>.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Says at least which model; what makes no sense stops the host at its start.</param>
    public static IServiceCollection AddHadal(this IServiceCollection services, Action<HadalOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddRouting();
        services.AddOptions<HadalOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<HadalOptions>, HadalOptionsCheck>());
        services.AddOptions<HostOptions>().PostConfigure<IOptions<HadalOptions>>((host, hadal) =>
        {
            TimeSpan needed = hadal.Value.DrainTime + s_afterDraining;
            if (host.ShutdownTimeout < needed) host.ShutdownTimeout = needed;
        });
        services.TryAddSingleton<ServerMetrics>();
        services.TryAddSingleton<ApiKeys>();
        services.TryAddSingleton<RequestGate>();
        services.TryAddSingleton<ApiGuard>();
        services.TryAddSingleton<HealthEndpoint>();
        services.TryAddSingleton<MetricsEndpoint>();
        services.TryAddSingleton<CompletionsEndpoint>();
        services.TryAddSingleton<ChatCompletionsEndpoint>();
        services.TryAddSingleton(provider => new ModelHost(
            provider.GetRequiredService<IOptions<HadalOptions>>(), provider.GetRequiredService<IHostApplicationLifetime>(), provider.GetRequiredService<ILogger<ModelHost>>()));
        services.AddHostedService(provider => provider.GetRequiredService<ModelHost>());
        services.AddHostedService(provider => provider.GetRequiredService<RequestGate>());
        services.AddHostedService<OpenDoorWarning>();
        return services;
    }
}
