using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Tokenization;

namespace Hadal.Inference;

/// <summary>
/// Where speculative decoding takes its drafts from, by the name that commands and the server are told: the model's own prediction module, the
/// text itself, or a small model, which belongs to this.
/// </summary>
public sealed class DraftSource : IDisposable
{
    /// <summary>The name of <see cref="SpeculationOptions.Modules"/>.</summary>
    public const string Modules = "mtp";

    /// <summary>The name of <see cref="SpeculationOptions.PromptLookup"/>.</summary>
    public const string Lookup = "lookup";

    private readonly Transformer? _draftModel;

    private DraftSource(SpeculationOptions options, Transformer? draftModel) => (Options, _draftModel) = (options, draftModel);

    /// <summary>For an engine; they last as long as this.</summary>
    public SpeculationOptions Options { get; }

    /// <summary>Prepares a source of drafts for a model.</summary>
    /// <param name="source"><see cref="Modules"/>, <see cref="Lookup"/>, or a small model: a folder in Hugging Face layout, or a .gguf file.</param>
    /// <param name="draftTokens">Most tokens to draft at a time; null leaves it to the source.</param>
    /// <param name="path">Where the model comes from, for messages.</param>
    /// <param name="model">The model that the drafts are for.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="progress">Told how many of how many parameters of a small model have been read.</param>
    /// <exception cref="ConfigurationException">The small model's config.json is missing or can't be used.</exception>
    /// <exception cref="CheckpointException">The model has no prediction module, or the small model can't be read.</exception>
    /// <exception cref="TokenizerException">The small model has other tokens, or its tokenizer can't be read.</exception>
    public static DraftSource Load(
        string source, int? draftTokens, string path, Transformer model, Tokenizer tokenizer, Action<long, long>? progress = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (source == Modules && model.Modules.Count == 0)
        {
            throw new CheckpointException(path, $"the model has no multi-token-prediction module, expected one to draft with '{Modules}'");
        }

        if (source is Modules or Lookup) return new(WithCount(source == Modules ? SpeculationOptions.Modules : SpeculationOptions.PromptLookup), null);
        RequireSameTokens(path, tokenizer, source);
        Transformer draftModel = ModelReader.Read(source, progress: progress);
        return new(WithCount(SpeculationOptions.DraftModel(draftModel)), draftModel);

        SpeculationOptions WithCount(SpeculationOptions options) => draftTokens is { } count ? options with { DraftTokens = count } : options;
    }

    /// <summary>Frees the small model, if there is one.</summary>
    public void Dispose() => _draftModel?.Dispose();

    private static void RequireSameTokens(string path, Tokenizer tokenizer, string draftPath)
    {
        Tokenizer other = Tokenizer.Load(draftPath);
        for (int id = 0; id < Math.Min(tokenizer.VocabSize, other.VocabSize); id++)
        {
            if (tokenizer.IdToBytes(id).SequenceEqual(other.IdToBytes(id))) continue;
            throw new TokenizerException(
                draftPath, $"token {id} is '{other.IdToToken(id)}', expected '{tokenizer.IdToToken(id)}' as in {path}, since a draft model needs the same tokenizer");
        }
    }
}
