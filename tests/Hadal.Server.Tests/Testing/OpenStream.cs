using System.Net.Http.Headers;
using System.Text;

namespace Hadal.Server.Tests.Testing;

/// <summary>A client that reads a stream of events for as long as it likes.</summary>
internal sealed class OpenStream : IDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly StreamReader _reader;

    private OpenStream(HttpResponseMessage response, Stream stream) => (_response, _reader) = (response, new StreamReader(stream));

    /// <summary>Posts, and waits for the beginning of the answer, which must be a stream.</summary>
    public static async Task<OpenStream> StartAsync(RunningServer server, string body, string path = "/v1/chat/completions")
    {
        HttpResponseMessage response = await SendAsync(server, body, path);
        Assert.True(response.IsSuccessStatusCode, $"{response.StatusCode}");
        return new OpenStream(response, await response.Content.ReadAsStreamAsync());
    }

    /// <summary>Posts, and waits for the head of the answer.</summary>
    public static async Task<HttpResponseMessage> SendAsync(RunningServer server, string body, string path)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(path, UriKind.Relative));
        request.Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        return await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>The next event's data; null at the end of the stream.</summary>
    public async Task<string?> NextAsync()
    {
        while (await _reader.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal)) return line["data: ".Length..];
        }

        return null;
    }

    /// <summary>Closes the connection.</summary>
    public void Leave() => Dispose();

    public void Dispose()
    {
        _reader.Dispose();
        _response.Dispose();
    }
}
