using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Hadal.Data.Packing;
using Hadal.Data.Tokens;
using Hadal.Tokenization;

namespace Hadal.Data;

/// <summary>How much a source has, and how much of it was used.</summary>
/// <param name="Path">The source.</param>
/// <param name="TrainingTokens">Tokens to train on in an epoch.</param>
/// <param name="HeldOutTokens">Tokens that are held out of it.</param>
/// <param name="Epochs">How many times its training tokens have been in batches; a fraction during an epoch.</param>
public sealed record SourceProgress(string Path, long TrainingTokens, long HeldOutTokens, double Epochs);

/// <summary>
/// Training data as batches: sources are read, turned into tokens (once: they are kept in a cache), shuffled, mixed and packed.
/// <para>
/// In an epoch of a source every one of its training tokens is the input of exactly one row, and every one but the first of its document
/// is the target of exactly one, if it counts; whatever the lengths asked for. What is cut off of conversations that are longer than a pack
/// is the exception. With one source, or several without weights, an epoch ends for all of them at once: its last pack and its last
/// batch may be shorter.
/// </para>
/// For one caller at a time.
/// </summary>
public sealed class PackedData : IDisposable
{
    private readonly List<TokenFile> _files = [];
    private readonly List<DocumentRange> _training = [], _heldOut = [];
    private readonly List<string> _paths = [];
    private readonly List<long> _heldOutOf = [];
    private readonly Packer _packer;
    private readonly string _fingerprint;

    private PackedData(DataOptions options, TokenCache cache, Action<DataProgress>? progress, CancellationToken cancellation)
    {
        try
        {
            StringBuilder identity = new(string.Create(
                CultureInfo.InvariantCulture, $"data 1, seed {options.Seed}, held out {options.HeldOutFraction:R}, chunks {options.ChunkLength}"));
            foreach (DataSource source in options.Sources)
            {
                (TokenFile file, byte[] key) = Open(source, options.HeldOutFraction);
                long heldOut = HeldOutDocuments(file, options.HeldOutFraction);
                if (heldOut == file.Documents)
                {
                    string found = file.Documents == 1 ? "one document" : $"{file.Documents} documents";
                    throw new DataException(source.Path, $"it has {found}, of which a share of {options.HeldOutFraction} leaves none to train on");
                }

                identity.Append(CultureInfo.InvariantCulture, $", {Convert.ToHexStringLower(key)} {source.Weight:R}");
                ulong seed = Mix.Of((ulong)options.Seed, (ulong)_training.Count);
                _training.Add(new DocumentRange(file, 0, file.Documents - heldOut, file.IsChat, seed));
                _paths.Add(source.Path);
                _heldOutOf.Add(file.Tokens - _training[^1].Tokens);
                if (heldOut > 0) _heldOut.Add(new DocumentRange(file, file.Documents - heldOut, file.Documents, file.IsChat, null));
            }

            foreach (DataSource source in options.HeldOutSources)
            {
                TokenFile file = Open(source, 0).File;
                _heldOut.Add(new DocumentRange(file, 0, file.Documents, file.IsChat, null));
            }

            double[]? weights = options.Sources[0].Weight is null ? null : [.. options.Sources.Select(source => source.Weight!.Value)];
            _packer = new Packer(_training, new Mixture(_training, weights, options.ChunkLength));
            _fingerprint = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity.ToString())));
        }
        catch
        {
            Dispose();
            throw;
        }

        (TokenFile File, byte[] Key) Open(DataSource source, double fraction)
        {
            (TokenFile File, byte[] Key) opened = cache.Open(source, fraction, progress, cancellation);
            _files.Add(opened.File);
            return opened;
        }
    }

    /// <summary>Tokens to train on in an epoch of every source.</summary>
    public long TrainingTokens => _training.Sum(range => range.Tokens);

    /// <summary>Tokens that training never sees.</summary>
    public long HeldOutTokens => _heldOut.Sum(range => range.Tokens);

    /// <summary>How many times every source has been used whole.</summary>
    public long EpochsDone => _training.Zip(_packer.Sources).Min(source => source.Second.Used / source.First.Tokens);

    /// <summary>How many conversations were cut so far, since they are longer than a pack; one that comes again counts again.</summary>
    public long TruncatedConversations => _packer.Truncated;

    /// <summary>The sources that are trained on.</summary>
    public IReadOnlyList<SourceProgress> Sources =>
    [
        .. _packer.Sources.Select((state, s) =>
            new SourceProgress(_paths[s], _training[s].Tokens, _heldOutOf[s], (double)state.Used / _training[s].Tokens)),
    ];

    /// <summary>Where the stream of batches is.</summary>
    public DataState State => new()
    {
        Fingerprint = _fingerprint,
        Sources = _packer.Sources,
        Pending = _packer.Pending,
        TruncatedConversations = _packer.Truncated,
    };

    /// <summary>Reads the sources, or takes their tokens from the cache.</summary>
    /// <param name="options">What to read.</param>
    /// <param name="tokenizer">What makes tokens of it; its file must still be there, as its hash is part of the cached files' names.</param>
    /// <param name="chat">What makes text of conversations, if there are any.</param>
    /// <param name="cacheFolder">Where tokens are kept; made if need be.</param>
    /// <param name="progress">Is told now and then how far the reading is; from the calling thread.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="DataException">A source can't be read or used.</exception>
    /// <exception cref="ArgumentException">The options make no sense.</exception>
    /// <exception cref="OperationCanceledException">The reading was cancelled; the cache is left without half a file.</exception>
    public static PackedData Open(
        DataOptions options, Tokenizer tokenizer, ChatFormat? chat, string cacheFolder, Action<DataProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentException.ThrowIfNullOrEmpty(cacheFolder);
        options.Validate();
        return new PackedData(options, new TokenCache(cacheFolder, tokenizer, chat, options), progress, cancellation);
    }

    /// <summary>The next batch. It never ends: after an epoch comes the next, cut and shuffled otherwise.</summary>
    /// <param name="packs">How many packs, one or more; there are fewer at the end of an epoch.</param>
    /// <param name="sequenceLength">How many tokens a pack has; may change from call to call.</param>
    public PackedBatch Next(int packs, int sequenceLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(packs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(sequenceLength, 1);
        return _packer.Next(packs, sequenceLength);
    }

    /// <summary>What was held out, always the same packs in the same order. The stream of training batches stays where it is.</summary>
    /// <param name="packs">Packs of a batch.</param>
    /// <param name="sequenceLength">Tokens of a pack.</param>
    /// <param name="maxPacks">How many packs there are at most in all; sources of different sizes have their share of them.</param>
    public IEnumerable<PackedBatch> HeldOut(int packs, int sequenceLength, int maxPacks = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(packs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(sequenceLength, 1);
        return _heldOut.Count == 0 ? [] : Batches();

        IEnumerable<PackedBatch> Batches()
        {
            Packer packer = new(_heldOut, new Mixture(_heldOut, null, sequenceLength));
            for (int left = maxPacks; left > 0;)
            {
                PackedBatch batch = packer.Next(Math.Min(packs, left), sequenceLength);
                left -= batch.Packs;
                yield return batch;
                if (packer.IsBetweenEpochs) yield break;
            }
        }
    }

    /// <summary>Goes to where a stream of batches was; what comes next is what came next there.</summary>
    /// <exception cref="ArgumentException">The state belongs to other data or options, or is damaged.</exception>
    public void Restore(DataState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Fingerprint != _fingerprint)
        {
            throw new ArgumentException("the saved state of the data belongs to other data, another tokenizer, seed or other options", nameof(state));
        }

        bool fits = state is { Sources: not null, Pending: not null, TruncatedConversations: >= 0 } && state.Sources.Count == _training.Count
            && state.Pending.All(Fits) && Enumerable.Range(0, _training.Count).All(source => Fits(state, source));
        if (!fits) throw new ArgumentException("the saved state of the data is damaged: it names tokens that the data doesn't have", nameof(state));
        _packer.Restore(state);
    }

    /// <summary>Lets go of the cached files.</summary>
    public void Dispose()
    {
        foreach (TokenFile file in _files) file.Dispose();
    }

    // What was drawn is what was used and what waits, and lies within the epoch.
    private bool Fits(DataState state, int index)
    {
        DocumentRange range = _training[index];
        if (state.Sources[index] is not { Epoch: >= 0, NextSlot: >= 0, ChunkLength: >= 0, Used: >= 0 } source) return false;
        if (source.ChunkLength == 0 ? source.NextSlot > 0 : source.NextSlot > range.Slots(source.ChunkLength)) return false;
        Int128 waiting = 0, before = (Int128)source.Epoch * range.Tokens;
        foreach (PendingPiece piece in state.Pending) waiting += piece.Source == index ? piece.Length : 0;
        return source.Used + waiting == source.Drawn && source.Drawn >= before && source.Drawn <= before + range.Tokens;
    }

    private bool Fits(PendingPiece? piece) => piece is { Source: >= 0, Epoch: >= 0 } && piece.Source < _training.Count
        && _training[piece.Source].Holds(piece.Start, piece.Length);

    private static long HeldOutDocuments(TokenFile file, double fraction) =>
        fraction == 0 ? 0 : file.IsSplit ? 1 : HeldOutShare.Of(fraction, file.Documents);
}
