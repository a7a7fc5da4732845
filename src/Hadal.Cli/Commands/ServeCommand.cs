using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Hadal.Inference;
using Hadal.Numerics;
using Hadal.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Hadal.Cli.Commands;

/// <summary>`hadal serve`: a model behind OpenAI's endpoints, until Ctrl-C.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        EngineOptions engine = new();
        HadalOptions server = new();
        Argument<string> model = LoadedModel.PathArgument();
        Option<string> host = new("--host") { Description = "Address to listen at; 0.0.0.0 lets other machines connect.", DefaultValueFactory = _ => "127.0.0.1" };
        Option<int> port = new("--port") { Description = "Port to listen at; 0 takes a free one.", DefaultValueFactory = _ => 8080 };
        Option<string[]> keys = new("--api-key") { Description = $"A key that requests must carry; may be given several times, but ${server.ApiKeyVariable} is not seen by other users." };
        Option<string?> name = new("--name") { Description = "The model's name in requests; by default its folder's." };
        Option<int> maxRunning = new("--max-running") { Description = "Sequences that are decoded side by side.", DefaultValueFactory = _ => engine.MaxRunning };
        Option<int> maxQueued = new("--max-queued") { Description = "Requests that may wait; one more gets 429.", DefaultValueFactory = _ => engine.MaxQueued };
        Option<long> cacheBytes = new("--cache-bytes") { Description = "Bytes of the cache that all sequences share; 0 takes half of the memory that is left, or less if that is enough." };
        Option<ElementType?> cacheType = new("--cache-type") { Description = "How numbers of the cache are stored: F32, BF16 or F8E4M3; by default BF16 for latent attention beside weights in blocks, and F32 elsewhere." };
        Option<ElementType?> type = LoadedModel.TypeOption();
        Option<ProductPrecision?> precision = PrecisionOption.Create();
        Option<int?> maxContext = new("--max-context") { Description = "Tokens of prompt and answer together; by default the model's context." };
        Option<int?> maxTokens = new("--max-tokens") { Description = "Tokens of an answer, whatever a request asks for." };
        Option<int> maxSamples = new("--max-samples") { Description = "Answers to one prompt (n).", DefaultValueFactory = _ => server.MaxSamples };
        Option<long> maxBytes = new("--max-request-bytes") { Description = "Bytes of a request's body.", DefaultValueFactory = _ => server.MaxRequestBytes };
        Option<double> timeout = new("--timeout") { Description = "Seconds that a request may take.", DefaultValueFactory = _ => server.RequestTimeout.TotalSeconds };
        Option<double> drain = new("--drain") { Description = "Seconds that running answers get at the end.", DefaultValueFactory = _ => server.DrainTime.TotalSeconds };
        Option<string[]> origins = new("--cors-origin") { Description = "An origin whose pages may call the server from a browser; may be given several times." };
        Option<bool> verbose = new("--verbose") { Description = "Log each request, without its text." };
        Option<bool> json = JsonOutput.Option();
        host.Require(value => Address(value) is not null, "an IP address, or localhost");
        name.Require(value => value is null || (value.Length > 0 && !value.Any(char.IsControl)), "text on one line");
        port.Require(value => value is >= 0 and <= IPEndPoint.MaxPort, $"a whole number from 0 to {IPEndPoint.MaxPort}");
        foreach (Option<int> count in (ReadOnlySpan<Option<int>>)[maxRunning, maxSamples]) count.RequireAtLeast(1);
        maxQueued.RequireAtLeast(0);
        cacheBytes.RequireAtLeast(0L);
        cacheType.Require(value => value is null or ElementType.F32 or ElementType.BF16 or ElementType.F8E4M3, "F32, BF16 or F8E4M3");
        maxBytes.RequireAtLeast(1L);
        maxContext.RequireAtLeast(2);
        maxTokens.RequireAtLeast(1);
        timeout.Require(value => value is > 0 and <= 86400, "a number above 0, up to 86400");
        drain.Require(value => value is >= 0 and <= 86400, "a number from 0 to 86400");
        keys.Require(value => value is null || Array.TrueForAll(value, key => key.Length > 0 && key.All(c => c is > ' ' and <= '~')), "visible ASCII without spaces");
        Command command = new("serve", "Serve a model behind OpenAI's endpoints.")
        {
            model, host, port, keys, name, maxRunning, maxQueued, cacheBytes, cacheType, type, precision, maxContext, maxTokens, maxSamples, maxBytes, timeout, drain, origins, verbose, json,
        };

        DraftingArguments drafting = new(command);

        // Not asynchronous to the parser, which would end the program two seconds after Ctrl-C; the host has its own handler, and drains.
        command.SetAction(parsed => Run(
            new StandaloneOptions
            {
                Address = Address(parsed.GetValue(host)!)!,
                Port = parsed.GetValue(port),
                CorsOrigins = parsed.GetValue(origins) ?? [],
                LogLevel = parsed.GetValue(verbose) ? LogLevel.Information : LogLevel.Warning,
            },
            options =>
            {
                options.ModelPath = parsed.GetRequiredValue(model);
                options.ModelName = parsed.GetValue(name);
                options.Engine = new EngineOptions
                {
                    MaxRunning = parsed.GetValue(maxRunning),
                    MaxQueued = parsed.GetValue(maxQueued),
                    MaxContext = parsed.GetValue(maxContext),
                    CacheBytes = parsed.GetValue(cacheBytes),
                    CacheType = parsed.GetValue(cacheType),
                    Precision = parsed.GetValue(precision),
                };
                options.MatrixType = parsed.GetValue(type);
                (options.DraftSource, options.DraftTokens) = drafting.Read(parsed);
                foreach (string key in parsed.GetValue(keys) ?? []) options.ApiKeys.Add(key);
                options.MaxConcurrentRequests = Math.Max(options.MaxConcurrentRequests, parsed.GetValue(maxRunning) + parsed.GetValue(maxQueued));
                options.MaxAnswerTokens = parsed.GetValue(maxTokens);
                options.MaxSamples = parsed.GetValue(maxSamples);
                options.MaxRequestBytes = parsed.GetValue(maxBytes);
                options.RequestTimeout = TimeSpan.FromSeconds(parsed.GetValue(timeout));
                options.DrainTime = TimeSpan.FromSeconds(parsed.GetValue(drain));
            },
            parsed.GetValue(json)).GetAwaiter().GetResult());
        return command;
    }

    private static IPAddress? Address(string host) => host == "localhost" ? IPAddress.Loopback : IPAddress.TryParse(host, out IPAddress? address) ? address : null;

    private static async Task<int> Run(StandaloneOptions where, Action<HadalOptions> configure, bool json)
    {
        WebApplication app = StandaloneServer.Create(where, configure);
        await using (app.ConfigureAwait(false))
        {
            ModelHost models = app.Services.GetRequiredService<ModelHost>();
            models.Progress += new ReadingProgress().Report;
            try
            {
                await app.StartAsync().ConfigureAwait(false);
            }
            catch (SocketException e)
            {
                throw new IOException($"{where.Address}, port {where.Port}: {e.Message}, expected an address of this machine and a port that may be used", e);
            }

            Task stopped = app.WaitForShutdownAsync();
            string url = app.Urls.First();
            if (!json) Console.Out.WriteLine($"listening on {url}, loading the model");
            if (await Task.WhenAny(models.Loaded, stopped).ConfigureAwait(false) == models.Loaded && !models.Loaded.IsFaulted)
            {
                Announce(url, await models.Loaded.ConfigureAwait(false), json);
            }

            await stopped.ConfigureAwait(false);
            if (models.Loaded.IsFaulted) await models.Loaded.ConfigureAwait(false); // throws what kept the model from being loaded
            Console.Error.WriteLine("hadal: stopped.");
            return CommandLine.Ok;
        }
    }

    private static void Announce(string url, ServedModel model, bool json)
    {
        int context = model.Engine.ContextLength;
        if (json) JsonOutput.Write(new { Url = url, Model = model.Id, Context = context, Chat = model.Chat is not null });
        else
        {
            string chat = model.Chat is null ? "no chat template, so only /v1/completions and /v1/embeddings" : "chat at /v1/chat/completions";
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ready: {model.Id}, context {context:N0}, {chat}; Ctrl-C ends it"));
        }

        Console.Out.Flush();
    }
}
