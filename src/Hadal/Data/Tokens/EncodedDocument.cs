namespace Hadal.Data.Tokens;

/// <summary>A document as tokens.</summary>
/// <param name="Ids">Its tokens.</param>
/// <param name="Counted">For each token whether a model is to learn to say it; null if it is to learn all.</param>
internal readonly record struct EncodedDocument(int[] Ids, bool[]? Counted);
