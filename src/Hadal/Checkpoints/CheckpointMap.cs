using System.Text.RegularExpressions;
using Hadal.Autograd;
using Hadal.Models;

namespace Hadal.Checkpoints;

/// <summary>One tensor of a checkpoint and the part of a parameter that it is.</summary>
/// <param name="Name">Hugging Face's name.</param>
/// <param name="Parameter">The parameter.</param>
/// <param name="Expert">Which of the stacked experts; null for a whole parameter.</param>
internal readonly record struct StoredTensor(string Name, Parameter Parameter, int? Expert)
{
    /// <summary>Shape in the checkpoint.</summary>
    public Shape Shape => Expert is null ? Parameter.Shape : new Shape(Parameter.Shape[1], Parameter.Shape[2]);

    /// <summary>Its first row in the parameter, all dimensions but the last counted as one.</summary>
    public int FirstRow => Expert is { } expert ? expert * Shape.Rows : 0;

    /// <summary>Index of its first element in the parameter.</summary>
    public long Offset => (long)FirstRow * Shape.Last;
}

/// <summary>
/// Between a model's parameters and the tensors of a checkpoint in Hugging Face layout. All surgery on names is here: experts are
/// stacked in memory and single in files, shared weights appear under several names, and prediction modules are layers after the last.
/// </summary>
internal static partial class CheckpointMap
{
    /// <summary>What follows the name of an F8 weight in the name of its scales.</summary>
    public const string ScaleSuffix = "_scale_inv";

    private const string ExpertsPart = ".mlp.experts.";

    /// <summary>The tensors that a checkpoint must have.</summary>
    public static IEnumerable<StoredTensor> Required(Transformer model) => model.Parameters.SelectMany(Tensors);

    /// <summary>Copies of other tensors: allowed in a checkpoint if they are equal to what they copy.</summary>
    /// <param name="model">The model.</param>
    /// <param name="written">Only those that the ecosystem writes: the modules' copies of embedding and head, but no head where it is tied.</param>
    public static IEnumerable<StoredTensor> Copies(Transformer model, bool written)
    {
        if (model.Config.TieWordEmbeddings && !written) yield return new StoredTensor("lm_head.weight", model.Embedding, null);
        for (int k = 0; k < model.Modules.Count; k++)
        {
            string module = $"model.layers.{model.Layers.Count + k}";
            yield return new StoredTensor($"{module}.embed_tokens.weight", model.Embedding, null);
            yield return new StoredTensor($"{module}.shared_head.head.weight", model.Head, null);
        }
    }

    /// <summary>Whether a tensor only repeats what config.json says, as old Llama checkpoints do with the rotary frequencies.</summary>
    public static bool IsDerived(string name) => RotaryFrequencies().IsMatch(name);

    private static IEnumerable<StoredTensor> Tensors(Parameter parameter)
    {
        if (parameter.Kind != ParameterKind.Experts) return [new StoredTensor(parameter.Name, parameter, null)];
        int split = parameter.Name.IndexOf(ExpertsPart, StringComparison.Ordinal) + ExpertsPart.Length;
        (string before, string after) = (parameter.Name[..split], parameter.Name[split..]);
        return Enumerable.Range(0, parameter.Shape[0]).Select(e => new StoredTensor($"{before}{e}.{after}", parameter, e));
    }

    [GeneratedRegex(@"^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$")]
    private static partial Regex RotaryFrequencies();
}
