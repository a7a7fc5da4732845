namespace Hadal.Server.Http;

/// <summary>What a request needs before it reaches an endpoint.</summary>
[Flags]
internal enum Needs
{
    None = 0,

    /// <summary>An API key, where the server has keys.</summary>
    Key = 1,

    /// <summary>The model, loaded.</summary>
    Model = 2,

    /// <summary>A place among the requests that are worked on.</summary>
    Place = 4,
}

/// <summary>A route.</summary>
/// <param name="Pattern">Its pattern, also its name in metrics.</param>
/// <param name="Method">The method that it takes; GET takes HEAD as well.</param>
/// <param name="Needs">What requests need.</param>
internal sealed record ApiRoute(string Pattern, string Method, Needs Needs);
