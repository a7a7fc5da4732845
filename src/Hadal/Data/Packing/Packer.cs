namespace Hadal.Data.Packing;

/// <summary>
/// Fills packs with pieces of documents. A few dozen chunks wait in the order in which they were drawn. A pack begins with the one that
/// waits longest, so that none waits forever, and goes on with the longest that fits (best fit, as Ding et al. 2024, "Fewer truncations
/// improve language modeling", but within a window, so that it streams).
/// <para>
/// When none fits, the text that waits longest is split to fill the pack, and its rest goes to the end of the window. A conversation is
/// never split: the pack stays short, and only what is longer than a pack is cut. Splitting text costs the rest its context, but only
/// where a document happens to end: chunks of the sequence length fill a pack each.
/// </para>
/// </summary>
internal sealed class Packer
{
    /// <summary>Chunks that wait, besides the rests of those that were split.</summary>
    public const int Window = 64;

    private readonly IReadOnlyList<DocumentRange> _ranges;
    private readonly Mixture _mixture;
    private readonly SourceState[] _states;
    private readonly List<PendingPiece> _pending = [];

    public Packer(IReadOnlyList<DocumentRange> ranges, Mixture mixture)
    {
        _ranges = ranges;
        _mixture = mixture;
        _states = [.. ranges.Select(_ => new SourceState(0, 0, 0, 0, 0))];
    }

    /// <summary>How much of each source was used.</summary>
    public IReadOnlyList<SourceState> Sources => [.. _states];

    /// <summary>The pieces that wait.</summary>
    public IReadOnlyList<PendingPiece> Pending => [.. _pending];

    /// <summary>How many conversations were cut.</summary>
    public long Truncated { get; private set; }

    /// <summary>Whether an epoch of the whole mix has ended, or none has begun.</summary>
    public bool IsBetweenEpochs => _pending.Count == 0 && _mixture.IsBetweenEpochs(_states);

    /// <summary>Goes to a place that was checked.</summary>
    public void Restore(DataState state)
    {
        for (int s = 0; s < _states.Length; s++) _states[s] = state.Sources[s];
        _pending.Clear();
        _pending.AddRange(state.Pending);
        Truncated = state.TruncatedConversations;
    }

    /// <summary>The next packs; fewer at the end of an epoch, which no batch goes beyond.</summary>
    public PackedBatch Next(int packs, int sequenceLength)
    {
        List<PackedPiece> pieces = [];
        for (int pack = 0; pack < packs && (pack == 0 || !IsBetweenEpochs); pack++) Fill(pieces, pack, sequenceLength);
        int[][] sequences = new int[pieces.Count][];
        List<int> targets = [];
        for (int i = 0; i < sequences.Length; i++)
        {
            (sequences[i], int[] next) = _ranges[pieces[i].Source].Read(pieces[i].Start, pieces[i].Length);
            targets.AddRange(next);
        }

        return new PackedBatch([.. pieces], sequences, [.. targets]);
    }

    private void Fill(List<PackedPiece> pieces, int pack, int sequenceLength)
    {
        int room = sequenceLength;
        while (room > 0)
        {
            // Between epochs only an empty pack goes on, so that the last pack of an epoch ends with it.
            while (_pending.Count < Window && !(_mixture.IsBetweenEpochs(_states) && (_pending.Count > 0 || room < sequenceLength)))
            {
                _pending.Add(_mixture.Draw(_states, sequenceLength));
            }

            int next = Choose(room, isEmpty: room == sequenceLength);
            if (next < 0) return;
            PendingPiece piece = _pending[next];
            int length = Math.Min(piece.Length, room);
            _pending.RemoveAt(next);
            bool isCut = length < piece.Length, isChat = _ranges[piece.Source].IsChat;
            if (isCut && isChat) Truncated++;
            if (isCut && !isChat) _pending.Add(piece with { Start = piece.Start + length, Length = piece.Length - length });
            SourceState state = _states[piece.Source];
            _states[piece.Source] = state with { Used = state.Used + (isChat ? piece.Length : length) };
            pieces.Add(new PackedPiece(pack, piece.Source, piece.Start, length));
            room -= length;
        }
    }

    // The place of the piece that comes next; -1 if none does. A source's next epoch waits until the one before it is out.
    private int Choose(int room, bool isEmpty)
    {
        long[] epochs = new long[_states.Length];
        Array.Fill(epochs, long.MaxValue);
        foreach (PendingPiece piece in _pending) epochs[piece.Source] = Math.Min(epochs[piece.Source], piece.Epoch);
        int best = -1, toSplit = -1;
        for (int i = 0; i < _pending.Count; i++)
        {
            PendingPiece piece = _pending[i];
            if (piece.Epoch != epochs[piece.Source]) continue;
            if (isEmpty) return i;
            if (piece.Length <= room && (best < 0 || piece.Length > _pending[best].Length)) best = i;
            if (toSplit < 0 && !_ranges[piece.Source].IsChat) toSplit = i;
        }

        return best >= 0 ? best : toSplit;
    }
}
