using Hadal.Server.Endpoints;
using Hadal.Server.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Hadal.Server;

/// <summary>Maps the model's routes into a host.</summary>
public static class HadalEndpoints
{
    /// <summary>
    /// Maps /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models, /health and /metrics; all else under /v1 gets an error in
    /// OpenAI's form. The page is at / unless <see cref="HadalOptions.ServesPage"/> says otherwise.
    /// </summary>
    /// <param name="routes">The host's routes.</param>
    /// <returns>The routes together, for conventions of the host such as <c>RequireCors</c>, which is off otherwise.</returns>
    public static IEndpointConventionBuilder MapHadal(this IEndpointRouteBuilder routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        IServiceProvider services = routes.ServiceProvider;
        ApiGuard guard = services.GetService<ApiGuard>() ?? throw new InvalidOperationException("MapHadal needs AddHadal among the host's services");
        RouteGroupBuilder group = routes.MapGroup("");
        Map(ChatCompletionsEndpoint.Route, services.GetRequiredService<ChatCompletionsEndpoint>().HandleAsync);
        Map(CompletionsEndpoint.Route, services.GetRequiredService<CompletionsEndpoint>().HandleAsync);
        Map(EmbeddingsEndpoint.Route, EmbeddingsEndpoint.HandleAsync);
        Map(ModelsEndpoint.List, ModelsEndpoint.ListAsync);
        Map(ModelsEndpoint.One, ModelsEndpoint.OneAsync);
        Map(HealthEndpoint.Route, services.GetRequiredService<HealthEndpoint>().HandleAsync);
        Map(MetricsEndpoint.Route, services.GetRequiredService<MetricsEndpoint>().HandleAsync);
        if (services.GetRequiredService<IOptions<HadalOptions>>().Value.ServesPage) group.MapHadalPage();
        group.Map("/v1/{**rest}", guard.Refuse("/v1/*"));
        return group;

        // By pattern alone, so that the guard can answer other methods in OpenAI's form.
        void Map(ApiRoute route, Func<ApiCall, Task> endpoint) => group.Map(route.Pattern, guard.Before(route, endpoint));
    }
}
