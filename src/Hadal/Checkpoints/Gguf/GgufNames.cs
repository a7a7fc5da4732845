using Hadal.Models;

namespace Hadal.Checkpoints.Gguf;

/// <summary>How a parameter's rows lie in a tensor of a GGUF file.</summary>
internal enum GgufLayout
{
    /// <summary>As in the parameter.</summary>
    Same,

    /// <summary>
    /// In each head the first and second half of the rows alternate: llama.cpp rotates neighbours where Llama in Hugging Face layout
    /// rotates lanes half a head apart.
    /// </summary>
    Interleaved,
}

/// <summary>One tensor of a GGUF file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Array">What it is in the model: a parameter, or half of a latent up-projection.</param>
/// <param name="Layout">How the array's rows lie in it.</param>
/// <param name="Dimensions">Its dimensions, the fastest first.</param>
internal sealed record GgufPart(string Name, Parameter Array, GgufLayout Layout, IReadOnlyList<long> Dimensions);

/// <summary>
/// Between a model's parameters and the tensors of a GGUF file, by the names that llama.cpp's loader asks for. All surgery on names and
/// layouts of GGUF is decided here.
/// </summary>
internal static class GgufNames
{
    /// <summary>The factors of rotary frequencies by which Llama 3's rule is stored, F32 [head_dim / 2].</summary>
    public const string RotaryFactors = "rope_freqs.weight";

    /// <summary>The output head; missing where it is tied to the embedding.</summary>
    public const string Head = "output.weight";

    private const string Layers = "model.layers.";

    private static readonly Dictionary<string, string> s_names = new(StringComparer.Ordinal)
    {
        ["model.embed_tokens"] = "token_embd",
        ["model.norm"] = "output_norm",
        ["lm_head"] = "output",
        ["input_layernorm"] = "attn_norm",
        ["post_attention_layernorm"] = "ffn_norm",
        ["self_attn.q_proj"] = "attn_q",
        ["self_attn.k_proj"] = "attn_k",
        ["self_attn.v_proj"] = "attn_v",
        ["self_attn.o_proj"] = "attn_output",
        ["self_attn.q_a_proj"] = "attn_q_a",
        ["self_attn.q_a_layernorm"] = "attn_q_a_norm",
        ["self_attn.q_b_proj"] = "attn_q_b",
        ["self_attn.kv_a_proj_with_mqa"] = "attn_kv_a_mqa",
        ["self_attn.kv_a_layernorm"] = "attn_kv_a_norm",
        ["self_attn.kv_b_proj"] = "attn_kv_b",
        ["self_attn.k_b_proj"] = "attn_k_b",
        ["self_attn.v_b_proj"] = "attn_v_b",
        ["mlp.gate_proj"] = "ffn_gate",
        ["mlp.up_proj"] = "ffn_up",
        ["mlp.down_proj"] = "ffn_down",
        ["mlp.gate"] = "ffn_gate_inp",
        ["mlp.gate.e_score_correction_bias"] = "exp_probs_b.bias",
        ["mlp.experts.gate_proj"] = "ffn_gate_exps",
        ["mlp.experts.up_proj"] = "ffn_up_exps",
        ["mlp.experts.down_proj"] = "ffn_down_exps",
        ["mlp.shared_experts.gate_proj"] = "ffn_gate_shexp",
        ["mlp.shared_experts.up_proj"] = "ffn_up_shexp",
        ["mlp.shared_experts.down_proj"] = "ffn_down_shexp",
        ["eh_proj"] = "nextn.eh_proj",
        ["enorm"] = "nextn.enorm",
        ["hnorm"] = "nextn.hnorm",
        ["shared_head.norm"] = "nextn.shared_head_norm",
    };

    /// <summary>The tensors that a parameter is.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="config">The model's configuration.</param>
    /// <param name="split">Whether W^UK and W^UV are two tensors, as files since April 2025 have them, rather than one.</param>
    public static IEnumerable<GgufPart> Parts(Parameter parameter, ModelConfig config, bool split = true)
    {
        Parameter[] arrays = split && parameter.LatentUp is { } up ? [up.Keys, up.Values] : [parameter];
        return arrays.Select(array => new GgufPart(
            Name(array.Name), array, HeadsToInterleave(array, config) > 0 ? GgufLayout.Interleaved : GgufLayout.Same,
            [.. Enumerable.Range(0, array.Shape.Rank).Select(d => (long)array.Shape[d]).Reverse()]));
    }

    /// <summary>The heads of a projection whose rows alternate in the file; 0 if they don't.</summary>
    public static int HeadsToInterleave(Parameter parameter, ModelConfig config)
    {
        if (config.ModelType != "llama") return 0;
        if (parameter.Name.Contains(".self_attn.q_proj.", StringComparison.Ordinal)) return config.NumAttentionHeads;
        return parameter.Name.Contains(".self_attn.k_proj.", StringComparison.Ordinal) ? config.NumKeyValueHeads : 0;
    }

    /// <summary>The names under which a file may repeat another parameter.</summary>
    public static IEnumerable<(string Name, Parameter Original)> Copies(Transformer model)
    {
        if (model.Config.TieWordEmbeddings) yield return (Head, model.Embedding);
        for (int k = 0; k < model.Modules.Count; k++)
        {
            yield return ($"blk.{model.Layers.Count + k}.nextn.embed_tokens.weight", model.Embedding);
            yield return ($"blk.{model.Layers.Count + k}.nextn.shared_head_head.weight", model.Head);
        }
    }

    private static string Name(string parameter)
    {
        string prefix = "", rest = parameter;
        if (parameter.StartsWith(Layers, StringComparison.Ordinal))
        {
            int end = parameter.IndexOf('.', Layers.Length);
            prefix = $"blk.{parameter[Layers.Length..end]}.";
            rest = parameter[(end + 1)..];
        }

        if (s_names.TryGetValue(rest, out string? whole)) return prefix + whole;
        int dot = rest.LastIndexOf('.'); // ".weight" or ".bias"
        return prefix + s_names[rest[..dot]] + rest[dot..];
    }
}
