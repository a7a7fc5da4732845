using Hadal.Checkpoints;
using Hadal.Inference;
using Hadal.Inference.Chat;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;

namespace Hadal.Server;

/// <summary>A model with everything that endpoints need of it. Owns its engine and its weights.</summary>
public sealed class ServedModel : IDisposable
{
    private readonly DraftSource? _drafts;

    /// <summary>Takes an engine, and its model, over.</summary>
    /// <param name="id">The name that requests use.</param>
    /// <param name="engine">The engine; it and its model are disposed with this.</param>
    /// <param name="template">How conversations become text; null serves completions and embeddings only.</param>
    /// <exception cref="ArgumentException">The tokenizer has ids that the model hasn't.</exception>
    public ServedModel(string id, InferenceEngine engine, ChatTemplate? template)
        : this(id, engine, template, drafts: null)
    {
    }

    private ServedModel(string id, InferenceEngine engine, ChatTemplate? template, DraftSource? drafts)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        ArgumentNullException.ThrowIfNull(engine);
        int vocabulary = engine.Model.Config.VocabSize;
        if (engine.Tokenizer.VocabSize > vocabulary)
        {
            throw new ArgumentException(
                $"the tokenizer has {engine.Tokenizer.VocabSize} ids, expected at most the model's vocab_size, {vocabulary}", nameof(engine));
        }

        (Id, Engine, _drafts) = (id, engine, drafts);
        if (template is not null) Chat = new ChatModel(engine, template);
    }

    /// <summary>The name that requests use.</summary>
    public string Id { get; }

    /// <summary>Runs requests.</summary>
    public InferenceEngine Engine { get; }

    /// <summary>Holds conversations; null without a chat template.</summary>
    public ChatModel? Chat { get; }

    /// <summary>When it was loaded.</summary>
    public DateTimeOffset Created { get; } = TimeProvider.System.GetUtcNow();

    /// <summary>Loads a model with its tokenizer and its template.</summary>
    /// <param name="path">A folder in Hugging Face layout.</param>
    /// <param name="id">The name that requests use; null takes the folder's.</param>
    /// <param name="options">Bounds of the engine.</param>
    /// <param name="matrixType">How matrices are held; null as <see cref="ModelReader"/> does.</param>
    /// <param name="progress">Told how many of how many parameters have been read.</param>
    /// <param name="draftSource">Where drafts come from, see <see cref="DraftSource.Load"/>; null decodes one by one.</param>
    /// <param name="draftTokens">Most tokens to draft at a time; null leaves it to the source.</param>
    /// <exception cref="ConfigurationException">config.json is missing or can't be used.</exception>
    /// <exception cref="CheckpointException">The weights are missing or can't be used, or not with these options.</exception>
    /// <exception cref="TokenizerException">The tokenizer is missing or can't be used.</exception>
    /// <exception cref="TemplateException">The chat template can't be read.</exception>
    public static ServedModel Load(
        string path, string? id = null, EngineOptions? options = null, ElementType? matrixType = null, Action<long, long>? progress = null,
        string? draftSource = null, int? draftTokens = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Tokenizer tokenizer = Tokenizer.Load(path);
        ChatTemplate? template = tokenizer.ChatTemplate is { } text ? ChatTemplate.Parse(text, path) : null;
        Transformer model = ModelReader.Read(path, matrixType, progress: progress);
        DraftSource? drafts = null;
        try
        {
            drafts = draftSource is null ? null : DraftSource.Load(draftSource, draftTokens, path, model, tokenizer, progress);
            EngineOptions engine = options ?? new EngineOptions();
            if (drafts is not null) engine = engine with { Speculation = drafts.Options };
            string name = Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
            return new ServedModel(id ?? name, new InferenceEngine(model, tokenizer, engine), template, drafts);
        }
        catch (ArgumentException e)
        {
            drafts?.Dispose();
            model.Dispose();
            throw new CheckpointException(path, $"the model can't be served: {e.Message}", e);
        }
        catch
        {
            drafts?.Dispose();
            model.Dispose();
            throw;
        }
    }

    /// <summary>Stops the engine and frees the weights.</summary>
    public void Dispose()
    {
        Engine.Dispose();
        Engine.Model.Dispose();
        _drafts?.Dispose();
    }
}
