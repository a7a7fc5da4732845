using Hadal.Inference;
using Hadal.Numerics;

namespace Hadal.Server;

/// <summary>What is served, to whom, and within which bounds. Checked when the host starts.</summary>
public sealed class HadalOptions
{
    /// <summary>The model: a folder in Hugging Face layout, or a .gguf file. Exactly one of this and <see cref="Load"/> is set.</summary>
    public string? ModelPath { get; set; }

    /// <summary>Makes the model, for programs that have it in memory or load it in their own way; called once, when the host starts.</summary>
    public Func<ServedModel>? Load { get; set; }

    /// <summary>The name that requests and /v1/models use; by default the name of the folder.</summary>
    public string? ModelName { get; set; }

    /// <summary>Bounds of the engine that a model at <see cref="ModelPath"/> gets.</summary>
    public EngineOptions Engine { get; set; } = new();

    /// <summary>
    /// Keys of which requests must carry one, as <c>Authorization: Bearer KEY</c>; none lets everyone in. Only hashes of them are kept.
    /// </summary>
    public IList<string> ApiKeys { get; } = [];

    /// <summary>An environment variable with further keys, separated by commas; null reads none.</summary>
    public string? ApiKeyVariable { get; set; } = "HADAL_API_KEY";

    /// <summary>How the matrices of a model at <see cref="ModelPath"/> are held; null as <see cref="Checkpoints.ModelReader"/> does.</summary>
    public ElementType? MatrixType { get; set; }

    /// <summary>
    /// Where a model at <see cref="ModelPath"/> takes drafts from, to verify several tokens at a time, to the same text: 'mtp', its own
    /// prediction module; 'lookup', what followed the last tokens before; or a small model with the same tokenizer, a folder or a .gguf file. Null
    /// decodes one by one.
    /// </summary>
    public string? DraftSource { get; set; }

    /// <summary>Most tokens that are drafted at a time; null leaves it to the source.</summary>
    public int? DraftTokens { get; set; }

    /// <summary>Whether there is a web page at <c>/</c>. It needs no key itself; what it asks for does.</summary>
    public bool ServesPage { get; set; } = true;

    /// <summary>Bytes of a request's body; more get 413.</summary>
    public long MaxRequestBytes { get; set; } = 8 << 20;

    /// <summary>Requests that are worked on or wait, of all kinds together; one more gets 429.</summary>
    public int MaxConcurrentRequests { get; set; } = 512;

    /// <summary>Answers to one prompt: <c>n</c>.</summary>
    public int MaxSamples { get; set; } = 16;

    /// <summary>Prompts of one request for completions, or inputs of one for embeddings.</summary>
    public int MaxInputs { get; set; } = 256;

    /// <summary>Tokens of an answer, whatever a request asks for; null leaves it to the model's context.</summary>
    public int? MaxAnswerTokens { get; set; }

    /// <summary>How long a request may take from its arrival to its last byte.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long running answers may go on when the host stops; meanwhile new requests get 503.</summary>
    public TimeSpan DrainTime { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>What 429 and 503 tell clients to wait.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Whether texts of special tokens in the prompt of /v1/completions become those tokens. False keeps a user's text from posing as
    /// control; programs that build prompts themselves send token ids instead.
    /// </summary>
    public bool ParsesSpecialTokens { get; set; }
}
