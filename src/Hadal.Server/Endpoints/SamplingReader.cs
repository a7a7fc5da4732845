using System.Globalization;
using System.Security.Cryptography;
using Hadal.Inference;
using Hadal.Server.Contracts;
using Hadal.Server.Http;

namespace Hadal.Server.Endpoints;

/// <summary>Reads how tokens are to be drawn, with OpenAI's ranges.</summary>
internal static class SamplingReader
{
    private const int MaxStops = 16, MaxStopLength = 512, MaxBiases = 1024;

    /// <summary>Sampling options; without a seed, random numbers that nobody knows.</summary>
    /// <exception cref="ApiException">A value is out of its range.</exception>
    public static SamplingOptions Sampling(SampledRequest body, int vocabulary) => new()
    {
        Temperature = (float)Between(body.Temperature ?? 1, 0, 2, "temperature"),

        // OpenAI allows 0, which leaves the best token.
        TopP = Math.Max((float)Between(body.TopP ?? 1, 0, 1, "top_p"), float.Epsilon),
        TopK = body.TopK is -1 ? 0 : (int)Between(body.TopK ?? 0, 0, int.MaxValue, "top_k"),
        MinP = (float)Between(body.MinP ?? 0, 0, 1, "min_p"),
        PresencePenalty = (float)Between(body.PresencePenalty ?? 0, -2, 2, "presence_penalty"),
        FrequencyPenalty = (float)Between(body.FrequencyPenalty ?? 0, -2, 2, "frequency_penalty"),
        RepetitionPenalty = (float)Between(body.RepetitionPenalty ?? 1, 0.01, 10, "repetition_penalty"),
        LogitBias = Biases(body.LogitBias, vocabulary),
        Seed = body.Seed ?? BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long))),
    };

    /// <summary>How many answers.</summary>
    public static int Samples(SampledRequest body, HadalOptions options) => (int)Between(body.N ?? 1, 1, options.MaxSamples, "n");

    /// <summary>Texts before which an answer ends.</summary>
    public static IReadOnlyList<string> Stops(SampledRequest body)
    {
        if (!JsonTexts.IsGiven(body.Stop)) return [];
        IReadOnlyList<string> stops = JsonTexts.OneOrMore(body.Stop!.Value, "stop");
        if (stops.Count > MaxStops) throw ApiException.BadValue("stop", $"has {stops.Count} texts, expected at most {MaxStops}");
        if (stops.Any(stop => stop.Length is 0 or > MaxStopLength)) throw ApiException.BadValue("stop", $"has a text that is not 1 to {MaxStopLength} characters long");
        return stops;
    }

    /// <summary>Whether to stream; refuses stream_options without.</summary>
    public static bool IsStreamed(SampledRequest body)
    {
        if (body.Stream == true) return true;
        return body.StreamOptions is null ? false : throw ApiException.BadValue("stream_options", "is only allowed with 'stream': true");
    }

    /// <summary>A number that is in its range.</summary>
    /// <exception cref="ApiException">It isn't.</exception>
    public static double Between(double value, double low, double high, string param)
    {
        if (value >= low && value <= high) return value;
        string range = string.Create(CultureInfo.InvariantCulture, $"is {value:R}, expected {low:R} to {high:R}");
        throw ApiException.BadValue(param, range);
    }

    private static Dictionary<int, float>? Biases(Dictionary<string, double>? biases, int vocabulary)
    {
        if (biases is null or { Count: 0 }) return null;
        if (biases.Count > MaxBiases) throw ApiException.BadValue("logit_bias", $"has {biases.Count} tokens, expected at most {MaxBiases}");
        Dictionary<int, float> read = [];
        foreach ((string key, double bias) in biases)
        {
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int token) || token >= vocabulary)
            {
                throw ApiException.BadValue("logit_bias", $"has a key that is no token id, expected 0 to {vocabulary - 1}");
            }

            read[token] = (float)Between(bias, -100, 100, "logit_bias");
        }

        return read;
    }
}
