using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;

namespace Hadal.Server.Tests;

/// <summary>The page is served whole from the assembly, and nothing else is.</summary>
public sealed partial class WebPageTests : IAsyncLifetime
{
    private WebApplication _app = null!;
    private HttpClient _client = null!;

    public static TheoryData<string> Files => [.. Names];

    public async Task InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        _app = builder.Build();
        _app.MapHadalPage();
        await _app.StartAsync();
        _client = _app.GetTestClient();
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _app.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Files))]
    public async Task A_file_comes_as_it_is_in_the_repository_and_says_what_it_is(string file)
    {
        using HttpResponseMessage response = await _client.GetAsync(Address(file));
        byte[] content = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(Source, file)), content);
        Assert.Equal(Path.GetExtension(file) switch { ".html" => "text/html", ".css" => "text/css", ".js" => "text/javascript", ".svg" => "image/svg+xml", ".woff2" => "font/woff2", _ => "text/plain" },
            response.Content.Headers.ContentType!.MediaType);
        Assert.Equal($"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..32]}\"", response.Headers.ETag!.Tag);
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
        string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("*", policy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_browser_that_has_the_file_gets_304_and_no_body()
    {
        using HttpResponseMessage first = await _client.GetAsync("/");
        using HttpRequestMessage again = new(HttpMethod.Get, "/");
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using HttpResponseMessage second = await _client.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
        Assert.Empty(await second.Content.ReadAsByteArrayAsync());

        using HttpRequestMessage other = new(HttpMethod.Get, "/");
        other.Headers.IfNoneMatch.Add(new EntityTagHeaderValue("\"another\""));
        using HttpResponseMessage third = await _client.SendAsync(other);
        Assert.Equal(HttpStatusCode.OK, third.StatusCode);
    }

    [Fact]
    public async Task Head_tells_the_length_and_sends_nothing()
    {
        using HttpRequestMessage request = new(HttpMethod.Head, "/js/main.js");
        using HttpResponseMessage response = await _client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(new FileInfo(Path.Combine(Source, "js/main.js")).Length, response.Content.Headers.ContentLength);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("/js")]
    [InlineData("/js/")]
    [InlineData("/index.html/x")]
    [InlineData("/js/main.js.map")]
    [InlineData("/js/%2e%2e/%2e%2e/WebPage.cs")]
    [InlineData("/..%2f..%2fetc/passwd")]
    [InlineData("/js/..%5c..%5cWebPage.cs")]
    [InlineData("/wwwroot/js/main.js")]
    [InlineData("/v1/models")]
    public async Task Any_other_path_is_not_the_pages(string path)
    {
        using HttpResponseMessage response = await _client.GetAsync(path);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task The_page_takes_no_posts()
    {
        using StringContent body = new("x");
        using HttpResponseMessage response = await _client.PostAsync("/", body);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
    }

    [Fact]
    public async Task Everything_that_the_page_refers_to_is_there()
    {
        foreach (string file in Names.Where(f => Path.GetExtension(f) is ".html" or ".css" || (Path.GetExtension(f) == ".js" && !f.StartsWith("vendor/", StringComparison.Ordinal))))
        {
            string text = await File.ReadAllTextAsync(Path.Combine(Source, file));
            foreach (string reference in References().Matches(text).Select(m => m.Groups[1].Value).Where(r => Path.GetExtension(r) is not (".ttf" or ".woff" or ".map")))
            {
                Assert.DoesNotContain("//", reference, StringComparison.Ordinal);
                string path = new Uri(new Uri("http://page/" + file), reference).AbsolutePath;
                using HttpResponseMessage response = await _client.GetAsync(path);
                Assert.True(response.IsSuccessStatusCode, $"{file} refers to {reference}, which is not there");
            }
        }
    }

    [GeneratedRegex("""(?:src="|href="(?!#)|from "|import\("|new URL\("|url\()([^")]+)""")]
    private static partial Regex References();

    private static string Source { get; } = FindSource();

    private static IEnumerable<string> Names => Directory.EnumerateFiles(Source, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Source, f).Replace('\\', '/'));

    private static string Address(string file) => file == "index.html" ? "/" : "/" + file;

    private static string FindSource()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string source = Path.Combine(folder.FullName, "src", "Hadal.Server", "wwwroot");
            if (Directory.Exists(source)) return source;
        }

        throw new DirectoryNotFoundException("src/Hadal.Server/wwwroot is not above the tests");
    }
}
