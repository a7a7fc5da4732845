namespace Hadal.Data;

/// <summary>
/// Where a stream of batches is: small, and all that <see cref="PackedData.Restore"/> needs to go on bit for bit. It is plain data, to be
/// saved as JSON beside a checkpoint.
/// </summary>
public sealed record DataState
{
    /// <summary>A hash of the data, the seed and the options that the state belongs to.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>How much of each source was used.</summary>
    public required IReadOnlyList<SourceState> Sources { get; init; }

    /// <summary>Pieces that were drawn but found no room yet, in the order in which they were drawn; a few dozen at most.</summary>
    public required IReadOnlyList<PendingPiece> Pending { get; init; }

    /// <summary>How many conversations were cut, since they are longer than a pack.</summary>
    public long TruncatedConversations { get; init; }
}

/// <summary>How much of a source was used.</summary>
/// <param name="Epoch">The epoch that chunks are drawn from, counted from 0.</param>
/// <param name="NextSlot">Slots of the epoch that were drawn.</param>
/// <param name="ChunkLength">The length that documents are cut to in this epoch.</param>
/// <param name="Drawn">Tokens that were drawn, in all epochs.</param>
/// <param name="Used">Tokens that were in batches, in all epochs, with those that were cut off of conversations.</param>
public sealed record SourceState(long Epoch, long NextSlot, int ChunkLength, long Drawn, long Used);

/// <summary>A piece of a document that waits for a place.</summary>
/// <param name="Source">The source's index.</param>
/// <param name="Epoch">The epoch of the source.</param>
/// <param name="Start">Its first token.</param>
/// <param name="Length">How many tokens it has.</param>
public sealed record PendingPiece(int Source, long Epoch, long Start, int Length);
