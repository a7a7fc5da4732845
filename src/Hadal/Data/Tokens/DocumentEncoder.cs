using System.Text;
using Hadal.Data.Reading;
using Hadal.Tokenization;

namespace Hadal.Data.Tokens;

/// <summary>How documents become tokens.</summary>
/// <param name="Bos">The token before each document, if any.</param>
/// <param name="Eos">The token behind it, if any.</param>
/// <param name="SplitFraction">The share that is cut from the end of the one text of the source, to be held out; 0 cuts nothing.</param>
internal sealed record EncodingRules(int? Bos, int? Eos, double SplitFraction);

/// <summary>Encodes the files of a source on all threads; the result is in the order of the files.</summary>
internal sealed class DocumentEncoder(DataSource source, Tokenizer tokenizer, ChatFormat? chat, EncodingRules rules)
{
    // Work that is handed out at once: enough for every thread, little enough to hold.
    private const int BatchDocuments = 1024, BatchBytes = 1 << 24;

    private static readonly byte[] s_newLine = "\n"u8.ToArray();

    private readonly ConversationEncoder? _conversations = chat is null ? null : new ConversationEncoder(source, tokenizer, chat);

    /// <summary>Encodes everything, and gives each document to <paramref name="receive"/>.</summary>
    /// <exception cref="DataException">A file can't be read, or a document of it can't be used: the first such one.</exception>
    public void Encode(IReadOnlyList<SourceFile> files, Action<EncodedDocument> receive, Action<long>? bytesRead, CancellationToken cancellation)
    {
        long before = 0;
        foreach (SourceFile file in files)
        {
            byte[] delimiter = file.Format != SourceFormat.Text ? s_newLine : source.Separator is { } text ? Encoding.UTF8.GetBytes(text) : [];
            using DelimitedReader reader = new(file.Path, delimiter);
            List<RawDocument> batch = [];
            long bytes = 0;
            while (reader.Next() is { } document)
            {
                cancellation.ThrowIfCancellationRequested();
                batch.Add(document);
                bytes += document.Bytes.Length;
                if (batch.Count < BatchDocuments && bytes < BatchBytes) continue;
                EncodeBatch(file.Format, batch, receive, cancellation);
                bytesRead?.Invoke(before + reader.BytesRead);
                batch.Clear();
                bytes = 0;
            }

            EncodeBatch(file.Format, batch, receive, cancellation);
            before += reader.BytesRead;
            bytesRead?.Invoke(before);
        }
    }

    private void EncodeBatch(SourceFormat format, List<RawDocument> batch, Action<EncodedDocument> receive, CancellationToken cancellation)
    {
        EncodedDocument[]?[] encoded = new EncodedDocument[batch.Count][];
        DataException?[] failures = new DataException?[batch.Count];
        Parallel.For(0, batch.Count, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            try
            {
                encoded[i] = Encode(format, batch[i]);
            }
            catch (DataException e)
            {
                failures[i] = e;
            }
        });
        for (int i = 0; i < batch.Count; i++)
        {
            if (failures[i] is { } failure) throw failure;
            foreach (EncodedDocument document in encoded[i]!) receive(document);
        }
    }

    private EncodedDocument[] Encode(SourceFormat format, RawDocument document)
    {
        if (format != SourceFormat.Text && DocumentText.IsBlank(document)) return [];
        if (format == SourceFormat.Chat) return _conversations!.Encode(document);
        string text = format == SourceFormat.Jsonl ? DocumentText.Member(document, source.Field) : DocumentText.Plain(document);
        if (text.Length == 0) return [];
        if (rules.SplitFraction == 0) return [new EncodedDocument(Tokens(text, isStart: true, isEnd: true), null)];

        // Rounded up like a share of documents, and then up to the next whole character.
        byte[] bytes = document.Bytes;
        int cut = bytes.Length - (int)HeldOutShare.Of(rules.SplitFraction, bytes.Length);
        while (cut < bytes.Length && (bytes[cut] & 0xc0) == 0x80) cut++;
        string kept = Encoding.UTF8.GetString(bytes, 0, cut), heldOut = Encoding.UTF8.GetString(bytes, cut, bytes.Length - cut);
        if (kept.Length == 0 || heldOut.Length == 0)
        {
            throw new DataException(document.Path, $"the text of {bytes.Length} bytes is too short to hold out {rules.SplitFraction} of it");
        }

        return [new EncodedDocument(Tokens(kept, isStart: true, isEnd: false), null), new EncodedDocument(Tokens(heldOut, isStart: false, isEnd: true), null)];
    }

    private int[] Tokens(string text, bool isStart, bool isEnd)
    {
        int[] ids = tokenizer.Encode(text);
        if (isStart && rules.Bos is { } bos) ids = [bos, .. ids];
        return isEnd && rules.Eos is { } eos ? [.. ids, eos] : ids;
    }
}
