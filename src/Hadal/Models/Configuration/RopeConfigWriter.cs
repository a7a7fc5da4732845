using System.Text.Json;

namespace Hadal.Models;

/// <summary>Writes the rotary settings in the form that all versions of the ecosystem's loaders read: rope_theta and rope_scaling.</summary>
internal static class RopeConfigWriter
{
    public static void Write(Utf8JsonWriter writer, RopeConfig rope)
    {
        writer.WriteNumber("rope_theta", rope.Theta);
        if (rope.Kind == RopeKind.Default)
        {
            writer.WriteNull("rope_scaling");
            return;
        }

        // Both spellings: older loaders ask for "type", newer ones for "rope_type".
        string type = rope.Kind switch { RopeKind.Linear => "linear", RopeKind.Yarn => "yarn", _ => "llama3" };
        writer.WriteStartObject("rope_scaling");
        writer.WriteString("type", type);
        writer.WriteString("rope_type", type);
        writer.WriteNumber("factor", rope.Factor);
        if (rope.Kind == RopeKind.Yarn) WriteYarn(writer, rope);
        if (rope.Kind == RopeKind.Llama3)
        {
            writer.WriteNumber("original_max_position_embeddings", rope.OriginalMaxPositions);
            writer.WriteNumber("low_freq_factor", rope.LowFrequencyFactor);
            writer.WriteNumber("high_freq_factor", rope.HighFrequencyFactor);
        }

        writer.WriteEndObject();
    }

    private static void WriteYarn(Utf8JsonWriter writer, RopeConfig rope)
    {
        writer.WriteNumber("original_max_position_embeddings", rope.OriginalMaxPositions);
        writer.WriteNumber("beta_fast", rope.BetaFast);
        writer.WriteNumber("beta_slow", rope.BetaSlow);
        if (rope.Mscale is { } mscale) writer.WriteNumber("mscale", mscale);
        if (rope.MscaleAllDim is { } allDim) writer.WriteNumber("mscale_all_dim", allDim);
        if (rope.AttentionFactor is { } factor) writer.WriteNumber("attention_factor", factor);
        if (!rope.Truncate) writer.WriteBoolean("truncate", false);
    }
}
