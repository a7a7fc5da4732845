using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Hadal.Checkpoints;
using Hadal.Data.Reading;
using Hadal.Tokenization;

namespace Hadal.Data.Tokens;

/// <summary>
/// Tokens of sources on disk, under names that hash all that decides about them: what the files hold, the tokenizer, the template and the
/// options. So a changed file is simply another name; a file that is damaged is written anew. Old ones are left for whoever owns the folder.
/// </summary>
internal sealed class TokenCache(string folder, Tokenizer tokenizer, ChatFormat? chat, DataOptions options)
{
    private readonly byte[] _tokenizerHash = HashOfTokenizer(tokenizer);

    /// <summary>The tokens of a source, made if need be.</summary>
    /// <exception cref="DataException">A file can't be read or used, or the cache can't be written.</exception>
    public (TokenFile File, byte[] Key) Open(DataSource source, double heldOut, Action<DataProgress>? progress, CancellationToken cancellation)
    {
        IReadOnlyList<SourceFile> files = SourceFiles.Of(source);
        bool isChat = files.Any(file => file.Format == SourceFormat.Chat);
        if (isChat && chat is null) throw new DataException(source.Path, "it holds conversations, but the tokenizer has no chat template to write them with");
        bool isSplit = heldOut > 0 && source.Separator is null && files is [{ Format: SourceFormat.Text }];
        EncodingRules rules = new(isChat ? null : Bos(), isChat ? null : Eos(), isSplit ? heldOut : 0);
        byte[] key = Key(source, files, rules, isChat, cancellation);
        string path = System.IO.Path.Combine(folder, Convert.ToHexStringLower(key) + ".tokens");
        TokenFile? cached = TokenFile.TryOpen(path, key);
        if (cached is null)
        {
            Build(path, key, source, files, rules, isChat, progress, cancellation);
            cached = TokenFile.TryOpen(path, key) ?? throw new DataException(path, "the file changed while it was opened");
        }

        if (cached.Documents > 0) return (cached, key);
        cached.Dispose();
        throw new DataException(source.Path, "it holds no text, expected one token or more");
    }

    private void Build(
        string path, byte[] key, DataSource source, IReadOnlyList<SourceFile> files, EncodingRules rules, bool isChat,
        Action<DataProgress>? progress, CancellationToken cancellation)
    {
        long total = files.Sum(file => new FileInfo(file.Path).Length);
        TokenWidth width = isChat ? TokenWidth.Flagged : tokenizer.VocabSize <= 1 << 16 ? TokenWidth.Short : TokenWidth.Wide;
        try
        {
            Directory.CreateDirectory(folder);
            using TokenFileWriter writer = new(path, key, width);
            DocumentEncoder encoder = new(source, tokenizer, isChat ? chat : null, rules);
            encoder.Encode(files, writer.Add, bytes => progress?.Invoke(new DataProgress(source.Path, bytes, total, writer.Tokens)), cancellation);
            writer.Finish(rules.SplitFraction > 0 && writer.Tokens > 0);
        }
        catch (CheckpointException e)
        {
            throw new DataException(path, $"the cache of {source.Path} could not be written: {e.Message.TrimEnd('.')}", e);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw DataException.FromSystem(path, "written", e);
        }
    }

    private int? Bos()
    {
        bool isUsual = tokenizer.BosId is { } bos && tokenizer.Encode("", addSpecial: true) is [var first, ..] && first == bos;
        if (!(options.AddBos ?? isUsual)) return null;
        return tokenizer.BosId ?? throw new DataException(tokenizer.Path, "documents are to begin with a BOS, but the tokenizer has none");
    }

    private int? Eos()
    {
        if (!(options.AddEos ?? tokenizer.EosIds.Count > 0)) return null;
        if (tokenizer.EosIds.Count > 0) return tokenizer.EosIds[0];
        throw new DataException(tokenizer.Path, "documents are to end with an EOS, but the tokenizer has none");
    }

    private byte[] Key(DataSource source, IReadOnlyList<SourceFile> files, EncodingRules rules, bool isChat, CancellationToken cancellation)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add($"tokens {TokenFile.Version}");
        hash.AppendData(_tokenizerHash);
        Add($"{rules.Bos} {rules.Eos} {rules.SplitFraction:R}");
        Add(source.Field);
        Add(source.Separator);
        Add(source.QuestionField);
        Add(source.AnswerField);
        if (isChat)
        {
            Add(chat!.Source);
            Add(chat.Options.BosToken);
            Add(chat.Options.EosToken);
            Add(chat.Options.Variables?.GetRawText());
            foreach (System.Text.Json.JsonElement tool in chat.Options.Tools ?? []) Add(tool.GetRawText());
        }

        foreach (SourceFile file in files)
        {
            cancellation.ThrowIfCancellationRequested();
            Add($"{file.Format}");
            hash.AppendData(HashOfFile(file.Path, long.MaxValue));
        }

        return hash.GetHashAndReset();

        // The length before a text keeps two of them from passing for others; none is not the same as an empty one.
        void Add(string? text)
        {
            Span<byte> length = stackalloc byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(length, text is null ? -1 : Encoding.UTF8.GetByteCount(text));
            hash.AppendData(length);
            if (text is not null) hash.AppendData(Encoding.UTF8.GetBytes(text));
        }
    }

    // Of GGUF only the start is read: the vocabulary is there, and gigabytes of weights follow.
    private static byte[] HashOfTokenizer(Tokenizer tokenizer) =>
        HashOfFile(tokenizer.Path, tokenizer.Path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? 1 << 26 : long.MaxValue);

    private static byte[] HashOfFile(string path, long most)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1);
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            byte[] buffer = new byte[1 << 18];
            for (int read; most > 0 && (read = stream.Read(buffer, 0, (int)Math.Min(most, buffer.Length))) > 0; most -= read)
            {
                hash.AppendData(buffer, 0, read);
            }

            return hash.GetHashAndReset();
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw DataException.FromSystem(path, "read", e);
        }
    }
}
