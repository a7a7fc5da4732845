using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Hadal.Server.Http;

/// <summary>
/// Server-sent events as OpenAI sends them: <c>data: {...}</c> and an empty line for each, <c>data: [DONE]</c> at the end. The response
/// starts with the first event, so what fails before it still gets a status of its own.
/// </summary>
internal sealed class EventStream(HttpResponse response)
{
    // For a client to read what is on its way to it, once its answer is cancelled.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private const string ContentType = "text/event-stream; charset=utf-8";

    /// <summary>Whether a response that has started is a stream of events.</summary>
    public static bool IsOne(HttpResponse response) => response.ContentType == ContentType;

    /// <summary>Sends an event; waits while the client does not read.</summary>
    /// <exception cref="IOException">The client has left.</exception>
    public async ValueTask SendAsync<T>(T value, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        Write(value, type);
        await FlushAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Says that the answer is complete.</summary>
    /// <exception cref="IOException">The client has left.</exception>
    public async ValueTask EndAsync(CancellationToken cancellation)
    {
        Start();
        response.BodyWriter.Write("data: [DONE]\n\n"u8);
        await FlushAsync(cancellation).ConfigureAwait(false);
    }

    private void Write<T>(T value, JsonTypeInfo<T> type)
    {
        Start();
        PipeWriter writer = response.BodyWriter;
        writer.Write("data: "u8);
        using (Utf8JsonWriter json = new(writer, new JsonWriterOptions { Encoder = type.Options.Encoder, SkipValidation = true }))
        {
            JsonSerializer.Serialize(json, value, type);
        }

        writer.Write("\n\n"u8);
    }

    private async ValueTask FlushAsync(CancellationToken cancellation)
    {
        // Not cancelled itself, as Kestrel would drop the connection, and the client would not be told what ended its answer.
        Task<FlushResult> flush = response.BodyWriter.FlushAsync(CancellationToken.None).AsTask();
        FlushResult result;
        try
        {
            result = await flush.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await ((Task)flush).WaitAsync(s_patience, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!flush.IsCompleted) response.HttpContext.Abort();
            throw;
        }

        if (!result.IsCompleted && !result.IsCanceled) return;
        // The context says that its request is aborted only some time after this call, so the exception says it.
        response.HttpContext.Abort();
        throw new IOException("the client left before its answer was complete");
    }

    private void Start()
    {
        if (response.HasStarted) return;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-cache";
        response.Headers["X-Accel-Buffering"] = "no"; // proxies of nginx's kind would collect events otherwise
        response.HttpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
    }
}
