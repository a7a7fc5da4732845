using System.Text.Json.Nodes;
using Hadal.Models;

namespace Hadal.Checkpoints.Gguf;

/// <summary>
/// The rotary settings as GGUF has them, read by what llama.cpp computes from them. YaRN there has two numbers of its own:
/// <c>attn_factor</c> and, for deepseek2, <c>yarn_log_multiplier</c> (a tenth of it, by a convention of its converter). With f the
/// factor, a the attention factor and L ten times the multiplier, cosines are multiplied by A = a and scores by M² where
/// M = a · (1 + 0.1 L ln f); without a multiplier both are a · (1 + 0.1 ln f). Other architectures have A = a · (1 + 0.1 ln f), M = 1.
/// Llama 3's rule has no keys: its effect on each frequency is the tensor <see cref="GgufNames.RotaryFactors"/>.
/// </summary>
internal static class GgufRope
{
    // F32 keys and the logarithm's rounding; a multiplier that is off by this changes no logit that anybody could see.
    private const double Tolerance = 1e-6;

    // How far stored factors may be from the rule that is recognised in them.
    private const float FactorTolerance = 1e-4f;

    /// <summary>The keys of a model's rotary settings.</summary>
    public static IEnumerable<KeyValuePair<string, object>> Keys(string architecture, RopeConfig rope)
    {
        string scaling = $"{architecture}.rope.scaling.";
        yield return new($"{architecture}.rope.freq_base", (float)rope.Theta);
        if (rope.Kind is RopeKind.Default or RopeKind.Llama3) yield break;
        yield return new(scaling + "type", rope.Kind == RopeKind.Linear ? "linear" : "yarn");
        yield return new(scaling + "factor", (float)rope.Factor);
        if (rope.Kind == RopeKind.Linear) yield break;
        yield return new(scaling + "original_context_length", (uint)rope.OriginalMaxPositions);
        yield return new(scaling + "yarn_beta_fast", (float)rope.BetaFast);
        yield return new(scaling + "yarn_beta_slow", (float)rope.BetaSlow);
        double log = 0.1 * Math.Log(rope.Factor);
        if (log <= 0) yield break;
        double amplitude = RotaryFrequencies.Amplitude(rope), softmax = Math.Sqrt(RotaryFrequencies.SoftmaxScaleFactor(rope));
        double multiplier = architecture == GgufConfig.DeepSeek ? (softmax / amplitude - 1) / log : 0;
        if (Math.Abs(multiplier) > Tolerance) yield return new(scaling + "yarn_log_multiplier", (float)(0.1 * multiplier));
        double factor = Math.Abs(multiplier) > Tolerance ? amplitude : amplitude / (1 + log);
        if (Math.Abs(factor - 1) > Tolerance) yield return new(scaling + "attn_factor", (float)factor);
    }

    /// <summary>What Llama 3's rule divides each frequency by, [dim / 2]; null for other rules.</summary>
    public static float[]? Factors(RopeConfig rope, int dim)
    {
        if (rope.Kind != RopeKind.Llama3) return null;
        float[] plain = RotaryFrequencies.Inverse(rope with { Kind = RopeKind.Default }, dim), scaled = RotaryFrequencies.Inverse(rope, dim);
        return [.. plain.Zip(scaled, (before, after) => before / after)];
    }

    /// <summary>The keys of config.json that a file's rotary settings mean.</summary>
    public static void Read(GgufFile file, string architecture, JsonObject config, int dim)
    {
        GgufMetadata keys = file.Metadata;
        string scaling = $"{architecture}.rope.scaling.";
        double theta = keys.Finite($"{architecture}.rope.freq_base") ?? 10000;
        config["rope_theta"] = theta;
        string type = keys.Text(scaling + "type") ?? "none";
        double factor = keys.Finite(scaling + "factor") ?? keys.Finite($"{architecture}.rope.scale_linear") ?? 1;
        if (file.Tensors.TryGetValue(GgufNames.RotaryFactors, out GgufTensor? factors))
        {
            if (type != "none")
            {
                throw new CheckpointException(file.Path, $"{scaling}type is {CheckpointException.Quote(type)} beside the tensor '{factors.Name}', expected one of them");
            }

            config["rope_scaling"] = ReadFactors(file, factors, (float)theta, dim);
            return;
        }

        config["rope_scaling"] = type switch
        {
            "none" => null,
            "linear" => factor == 1 ? null : new JsonObject { ["rope_type"] = "linear", ["factor"] = factor },
            "yarn" => ReadYarn(keys, architecture, factor),
            _ => throw new CheckpointException(file.Path, $"{scaling}type is {CheckpointException.Quote(type)}, expected 'none', 'linear' or 'yarn'"),
        };
    }

    private static JsonObject ReadYarn(GgufMetadata keys, string architecture, double factor)
    {
        string scaling = $"{architecture}.rope.scaling.";
        JsonObject yarn = new() { ["type"] = "yarn", ["rope_type"] = "yarn", ["factor"] = factor };
        if (keys.Number(scaling + "original_context_length") is { } original) yarn["original_max_position_embeddings"] = original;
        if (keys.Finite(scaling + "yarn_beta_fast") is { } fast) yarn["beta_fast"] = fast;
        if (keys.Finite(scaling + "yarn_beta_slow") is { } slow) yarn["beta_slow"] = slow;
        if (factor <= 1) return yarn;
        double attention = keys.Finite(scaling + "attn_factor") ?? 1, log = 0.1 * Math.Log(factor);
        double multiplier = 10 * (keys.Finite(scaling + "yarn_log_multiplier") ?? 0);
        bool isDeepSeek = architecture == GgufConfig.DeepSeek, multiplies = isDeepSeek && Math.Abs(multiplier) > Tolerance;
        if (multiplies && attention == 1)
        {
            (yarn["mscale"], yarn["mscale_all_dim"]) = (multiplier, multiplier);
            return yarn;
        }

        double amplitude = multiplies ? attention : attention * (1 + log);
        double softmax = isDeepSeek ? attention * (1 + (multiplies ? multiplier : 1) * log) : 1;
        yarn["attention_factor"] = amplitude;
        if (Math.Abs(softmax - 1) > Tolerance) yarn["mscale_all_dim"] = (softmax - 1) / log;
        return yarn;
    }

    // The rule is recognised in what it does: the longest waves tell the factor, and the limits are the ones that all Llama 3 have.
    private static JsonObject ReadFactors(GgufFile file, GgufTensor tensor, float theta, int dim)
    {
        if (tensor.Dimensions.Count != 1 || tensor.Dimensions[0] != dim / 2)
        {
            throw new CheckpointException(file.Path, $"tensor '{tensor.Name}' has dimensions [{string.Join(", ", tensor.Dimensions)}], expected [{dim / 2}]");
        }

        float[] found = new float[dim / 2];
        file.ReadRows(tensor, 0, 1, found);
        RopeConfig rule = new()
        {
            Kind = RopeKind.Llama3,
            Theta = theta,
            Factor = found.Max(),
            OriginalMaxPositions = 8192,
            LowFrequencyFactor = 1,
            HighFrequencyFactor = 4,
        };
        if (!Matches(found, rule, dim))
        {
            throw new CheckpointException(
                file.Path, $"tensor '{tensor.Name}' has factors that Llama 3's rule does not make, expected those of an original context of 8192");
        }

        return new JsonObject
        {
            ["rope_type"] = "llama3",
            ["factor"] = rule.Factor,
            ["low_freq_factor"] = rule.LowFrequencyFactor,
            ["high_freq_factor"] = rule.HighFrequencyFactor,
            ["original_max_position_embeddings"] = rule.OriginalMaxPositions,
        };
    }

    /// <summary>Whether stored factors are what a rule makes.</summary>
    public static bool Matches(float[] found, RopeConfig rule, int dim) => Factors(rule, dim) is { } expected
        && expected.Zip(found).All(pair => Math.Abs(pair.First - pair.Second) <= FactorTolerance * pair.First);
}
