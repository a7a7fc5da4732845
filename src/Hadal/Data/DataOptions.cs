namespace Hadal.Data;

/// <summary>What a model is trained on, and what is kept from it to measure it by.</summary>
public sealed record DataOptions
{
    /// <summary>What to train on.</summary>
    public required IReadOnlyList<DataSource> Sources { get; init; }

    /// <summary>
    /// The share of every source that training never sees: at least 0, less than 1. Of a source that is one text it is the last part of its
    /// bytes; of any other it is the last documents, one or more.
    /// </summary>
    public double HeldOutFraction { get; init; }

    /// <summary>Sources that training never sees, besides the share that is held out of the others.</summary>
    public IReadOnlyList<DataSource> HeldOutSources { get; init; } = [];

    /// <summary>The same seed gives the same batches.</summary>
    public int Seed { get; init; }

    /// <summary>Whether documents begin with the tokenizer's BOS; by default if the tokenizer puts one before a text.</summary>
    public bool? AddBos { get; init; }

    /// <summary>Whether documents end with the tokenizer's EOS; by default if it has one. Conversations have what their template writes.</summary>
    public bool? AddEos { get; init; }

    /// <summary>
    /// The length that documents are cut to: the longest sequence of a schedule of lengths. By default the sequence length in use when an
    /// epoch begins; sequences that get longer during the epoch would then still be made of pieces of that length.
    /// </summary>
    public int? ChunkLength { get; init; }

    /// <summary>Checks what can be checked without reading a file.</summary>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    public void Validate()
    {
        if (Sources.Count == 0) throw new ArgumentException("there is no source of training data, expected one or more");
        if (!(HeldOutFraction >= 0 && HeldOutFraction < 1))
        {
            throw new ArgumentException($"the held-out fraction is {HeldOutFraction}, expected at least 0 and less than 1");
        }

        if (ChunkLength is < 1) throw new ArgumentException($"the chunk length is {ChunkLength}, expected 1 or more");
        DataSource[] weighted = [.. Sources.Where(source => source.Weight is not null)];
        if (weighted.Length > 0 && weighted.Length < Sources.Count)
        {
            string without = Sources.First(source => source.Weight is null).Path;
            throw new ArgumentException($"{without} has no weight, expected one for every source or for none");
        }

        if (weighted.FirstOrDefault(source => !(source.Weight > 0 && double.IsFinite(source.Weight.Value))) is { } wrong)
        {
            throw new ArgumentException($"the weight of {wrong.Path} is {wrong.Weight}, expected a number greater than 0");
        }

        foreach (DataSource source in Sources.Concat(HeldOutSources)) Validate(source);
    }

    private static void Validate(DataSource source)
    {
        if (string.IsNullOrEmpty(source.Path)) throw new ArgumentException("a source has no path");
        if (source.Separator is "") throw new ArgumentException($"the separator of {source.Path} is empty, expected text or none");
        if (string.IsNullOrEmpty(source.Field)) throw new ArgumentException($"the field of {source.Path} is empty, expected a name");
        if (source.QuestionField is null != source.AnswerField is null)
        {
            throw new ArgumentException($"{source.Path} names a question's field or an answer's, expected both or neither");
        }

        if (source.QuestionField is not null && source.Format is SourceFormat.Text or SourceFormat.Jsonl)
        {
            throw new ArgumentException($"{source.Path} has format {source.Format} and fields of questions and answers, which are Chat");
        }
    }
}

/// <summary>How far the reading of a source is.</summary>
/// <param name="Path">The source.</param>
/// <param name="Bytes">Bytes of it that were read.</param>
/// <param name="TotalBytes">Bytes that it has.</param>
/// <param name="Tokens">Tokens so far.</param>
public readonly record struct DataProgress(string Path, long Bytes, long TotalBytes, long Tokens);
