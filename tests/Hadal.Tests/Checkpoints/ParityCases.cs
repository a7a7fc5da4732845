using Hadal.Checkpoints;
using Hadal.Checkpoints.Parity;
using Hadal.Checkpoints.Safetensors;
using Hadal.Models;

namespace Hadal.Tests.Checkpoints;

/// <summary>A model's folder with results of another implementation beside it, and the rows that a comparison must have.</summary>
internal static class ParityCases
{
    /// <summary>A case that is part of the repository.</summary>
    public static string Fixture(string name) => Path.Combine(AppContext.BaseDirectory, "Fixtures", "models", name);

    /// <summary>Everything that lies beside the model.</summary>
    public static ParityOptions Options(string folder, MlaForm? form = null) => new()
    {
        Expected = Path.Combine(folder, "expected.safetensors"),
        Gradients = IfThere(Path.Combine(folder, "grads.safetensors")),
        Decode = IfThere(Path.Combine(folder, "decode.json")),
        Form = form,
    };

    /// <summary>The names of the rows of a forward comparison, from nothing but the configuration.</summary>
    public static IEnumerable<string> ForwardRows(ModelConfig config)
    {
        yield return "logits";
        yield return "final_norm";
        yield return $"hidden_states.{config.NumHiddenLayers}";
        for (int l = 0; l < config.NumHiddenLayers; l++)
        {
            yield return $"hidden_states.{l}";
            yield return $"layers.{l}.self_attn_output";
            if (config is not DeepSeekConfig deepSeek || !deepSeek.HasExperts(l)) continue;
            yield return $"layers.{l}.topk_indices";
            yield return $"layers.{l}.topk_weights";
        }

        if (config is not DeepSeekConfig { NumNextnPredictLayers: > 0 }) yield break;
        yield return "mtp.logits";
        yield return "mtp.hidden";
        yield return "mtp.topk_indices";
        yield return "mtp.topk_weights";
    }

    /// <summary>The names of the rows of a comparison of gradients with a file: every one that the file has.</summary>
    public static IEnumerable<string> GradientRows(string gradients)
    {
        using SafetensorsFile file = SafetensorsFile.Open(gradients);
        return [.. file.Tensors.Keys.Select(name => name == "loss" ? name : $"grad {name}")];
    }

    /// <summary>The names of the rows of a comparison of gradients with a file that has every trainable parameter's.</summary>
    public static IEnumerable<string> AllGradientRows(string folder)
    {
        using Transformer model = ModelReader.Describe(folder);
        return ["loss", .. CheckpointMap.Required(model).Where(stored => stored.Parameter.IsTrainable).Select(stored => $"grad {stored.Name}")];
    }

    /// <summary>The names of the rows of a comparison of greedy continuations.</summary>
    public static IEnumerable<string> DecodeRows => ["decode, cached token by token", "decode, recomputed at once"];

    private static string? IfThere(string path) => File.Exists(path) ? path : null;
}
