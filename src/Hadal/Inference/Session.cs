using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Inference;

/// <summary>
/// One timeline over a model: it goes on by tokens, forks, and goes back. Forks share what they have in common, so a search tree costs
/// its nodes and not its paths. A session and its forks serve one thread at a time.
/// </summary>
public sealed class Session : IDisposable
{
    // Tokens are taken in pieces of so many, which bounds the memory of activations.
    private const int PieceTokens = 512;

    private readonly Family _family;
    private readonly KvCache _cache;
    private readonly List<int> _tokens;
    private bool _disposed;

    /// <summary>Starts an empty timeline.</summary>
    /// <param name="model">The model; it must outlive the session.</param>
    /// <param name="workers">Threads that compute; they must outlive the session.</param>
    /// <param name="pool">Where the cache is, for several sessions or for a bound on memory; by default it grows as needed.</param>
    /// <param name="precision">What products do to their factors; as the graph of training for the same log-probabilities.</param>
    /// <param name="form">Form of latent attention.</param>
    public Session(
        Transformer model, WorkerPool workers, PagePool? pool = null, ProductPrecision precision = ProductPrecision.F32,
        MlaForm form = MlaForm.Absorbed)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(workers);
        _family = new Family(model, new Graph(workers, recording: false) { Precision = precision }, form);
        _cache = pool is null ? new KvCache(model.Config) : new KvCache(pool);
        _tokens = [];
    }

    private Session(Session parent)
    {
        _family = parent._family;
        _family.Members++;
        _cache = parent._cache.Fork();
        _tokens = [.. parent._tokens];
    }

    /// <summary>The model.</summary>
    public Transformer Model => _family.Model;

    /// <summary>The tokens so far.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>Number of the tokens so far.</summary>
    public int Length => _tokens.Count;

    /// <summary>Bytes of the cache's pages, those shared with forks included.</summary>
    public long CacheBytes => _cache.ByteLength;

    /// <summary>Takes tokens in.</summary>
    /// <param name="tokens">The next tokens, at least one.</param>
    /// <returns>
    /// Scores of every token id for the place behind them, [vocabulary]. Readable until the next call on the session or a fork of it.
    /// </returns>
    /// <exception cref="ArgumentException">There are no tokens, or too many for the model's context.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary.</exception>
    /// <exception cref="PagesExhaustedException">The pool that was given has no more pages.</exception>
    /// <exception cref="ObjectDisposedException">The session was disposed.</exception>
    public ReadOnlySpan<float> Append(params ReadOnlySpan<int> tokens) => Append(tokens, scored: 1).Row(0);

    /// <summary>Takes tokens in and scores several places.</summary>
    /// <param name="tokens">The next tokens, at least one.</param>
    /// <param name="scored">How many of the last tokens to return scores behind; at most all of them.</param>
    /// <returns>[scored, vocabulary], readable until the next call on the session or a fork of it.</returns>
    /// <inheritdoc cref="Append(ReadOnlySpan{int})"/>
    public Matrix Append(ReadOnlySpan<int> tokens, int scored) => Model.Logits(_family.Graph, AppendHidden(tokens, scored)).AsMatrix();

    /// <summary>Takes tokens in and returns what the model makes of the last of them, before the head.</summary>
    /// <param name="tokens">The next tokens, at least one.</param>
    /// <param name="rows">How many of the last tokens to return states of; at most all of them.</param>
    /// <returns>[rows, hidden], after the last norm; readable until the next call on the session or a fork of it.</returns>
    /// <inheritdoc cref="Append(ReadOnlySpan{int})"/>
    public Tensor AppendHidden(ReadOnlySpan<int> tokens, int rows = 1)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        RequireTokens(tokens);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, tokens.Length);
        Graph g = _family.Graph;
        g.Reset();
        _cache.Reserve(tokens.Length);
        Tensor states = g.Allocate(new Shape(rows, Model.Config.HiddenSize)); // [rows, hidden]
        for (int start = 0; start < tokens.Length; start += PieceTokens)
        {
            int[] piece = tokens[start..Math.Min(start + PieceTokens, tokens.Length)].ToArray();
            GraphScope scope = g.Scope();
            Tensor hidden = scope.Close(Model.Forward(g, TokenBatch.Continue([piece], [_cache]), _family.Form)); // [piece, hidden]
            int first = Math.Max(0, tokens.Length - rows - start);
            if (first < piece.Length)
            {
                int at = start + first - (tokens.Length - rows), count = piece.Length - first;
                Elementwise.Copy(g.Workers, hidden.AsMatrix().RowRange(first, count), states.AsMatrix().RowRange(at, count));
            }
        }

        _tokens.AddRange(tokens);
        return states;
    }

    /// <summary>A second timeline with the same past.</summary>
    /// <exception cref="ObjectDisposedException">The session was disposed.</exception>
    public Session Fork()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new Session(this);
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are not that many tokens.</exception>
    public void Rewind(int length)
    {
        _cache.Truncate(length);
        _tokens.RemoveRange(length, _tokens.Count - length);
    }

    /// <summary>Gives the memory back that no fork shares.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _cache.Dispose();
        _tokens.Clear();
        if (--_family.Members == 0) _family.Graph.Dispose();
    }

    private void RequireTokens(ReadOnlySpan<int> tokens)
    {
        if (tokens.IsEmpty) throw new ArgumentException("there is no token to take in", nameof(tokens));
        int context = Model.Config.MaxPositionEmbeddings;
        if (tokens.Length > context - Length)
        {
            throw new ArgumentException($"{tokens.Length} tokens follow {Length}, expected at most {context} in all, this model's context", nameof(tokens));
        }

        // Checked before anything is computed, so that a session is never left with half of the tokens.
        foreach (int token in tokens)
        {
            if ((uint)token >= (uint)Model.Config.VocabSize)
            {
                throw new ArgumentOutOfRangeException(nameof(tokens), token, $"expected ids below {Model.Config.VocabSize}");
            }
        }
    }

    // What a session and its forks share.
    private sealed class Family(Transformer model, Graph graph, MlaForm form)
    {
        public Transformer Model => model;

        public Graph Graph => graph;

        public MlaForm Form => form;

        public int Members { get; set; } = 1;
    }
}
