using System.Collections.Frozen;
using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Hadal.Server;

/// <summary>The web page at <c>/</c>: the files of <c>wwwroot</c>, which are embedded in this assembly. Nothing is read from the disk.</summary>
/// <remarks>
/// Every file is a route of its own, so that a path which names none is no business of the page, and no path can name anything else.
/// Browsers ask each time and get 304 while the file's hash is the same.
/// </remarks>
public static class WebPage
{
    // Only what comes from here runs, loads and is spoken to; no inline script or style, no frames around it, and no
    // assignment of HTML from text anywhere (Trusted Types), as the page shows what models write.
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    private const string Prefix = "wwwroot/";

    private static readonly FrozenDictionary<string, string> s_contentTypes = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [".html"] = "text/html; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".svg"] = "image/svg+xml",
        [".woff2"] = "font/woff2",
        [""] = "text/plain; charset=utf-8", // licences
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Maps the page and its files for GET and HEAD. It talks to what <see cref="HadalEndpoints.MapHadal"/> maps beside it.</summary>
    /// <param name="routes">The host's routes, or a group of them: the page knows its own endpoints only by relative addresses.</param>
    /// <returns>The routes together, for conventions of the host. The files hold no secrets; the endpoints ask for keys.</returns>
    public static IEndpointConventionBuilder MapHadalPage(this IEndpointRouteBuilder routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        RouteGroupBuilder group = routes.MapGroup("");
        foreach (string name in Assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            string path = name[Prefix.Length..];
            RequestDelegate serve = Serve(Read(name), s_contentTypes[Path.GetExtension(path)]);
            group.MapMethods(path == "index.html" ? "/" : path, [HttpMethods.Get, HttpMethods.Head], serve);
        }

        return group;
    }

    private static Assembly Assembly => typeof(WebPage).Assembly;

    private static byte[] Read(string name)
    {
        using Stream stream = Assembly.GetManifestResourceStream(name)!;
        byte[] content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }

    private static RequestDelegate Serve(byte[] content, string contentType)
    {
        EntityTagHeaderValue tag = new($"\"{Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 16))}\"");
        return context =>
        {
            IHeaderDictionary headers = context.Response.Headers;
            headers.ContentSecurityPolicy = ContentSecurityPolicy;
            headers.XContentTypeOptions = "nosniff";
            headers.CacheControl = "no-cache";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()";
            return TypedResults.Bytes(content, contentType, entityTag: tag).ExecuteAsync(context);
        };
    }
}
