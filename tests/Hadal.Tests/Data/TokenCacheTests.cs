using Hadal.Data;
using Hadal.Data.Tokens;
using Hadal.Tokenization;
using Hadal.Tokenization.Training;

namespace Hadal.Tests.Data;

public sealed class TokenCacheTests : IDisposable
{
    private readonly TextData _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void What_was_read_once_is_taken_from_the_cache_whatever_its_name()
    {
        string path = _files.Write("a.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
        Assert.True(Reads(new DataSource { Path = path }));
        Assert.False(Reads(new DataSource { Path = path }));
        File.Move(path, _files.At("b.jsonl"));
        Assert.False(Reads(new DataSource { Path = _files.At("b.jsonl") }));
        Assert.Single(Directory.GetFiles(_files.Cache));
    }

    [Fact]
    public void Other_content_options_tokenizers_and_templates_are_other_entries()
    {
        string path = _files.Write("a.jsonl", "{\"text\": \"one\", \"more\": \"1\"}\n");
        DataSource source = new() { Path = path };
        Assert.True(Reads(source));
        Assert.True(Reads(source with { Field = "more" }));
        Assert.True(Reads(source, addEos: true));
        Assert.True(Reads(source with { QuestionField = "text", AnswerField = "more" }));
        Assert.True(Reads(source with { QuestionField = "text", AnswerField = "more" }, chat: new ChatFormat(TextData.ChatMl + "{# other #}", "other", new())));
        Assert.True(Reads(source with { QuestionField = "more", AnswerField = "text" }));
        BpeTrainer.Bytes(TextData.End, TextData.Start).Write(_files.At("other"));
        Assert.True(Reads(source, tokenizer: Tokenizer.Load(_files.At("other"))));
        _files.Write("a.jsonl", "{\"text\": \"two\", \"more\": \"1\"}\n");
        Assert.True(Reads(source));
        Assert.Equal(8, Directory.GetFiles(_files.Cache).Length);
    }

    [Fact]
    public void A_file_damaged_at_any_byte_or_cut_at_any_length_is_no_token_file()
    {
        string path = _files.At("tokens");
        byte[] key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
        using (TokenFileWriter writer = new(path, key, TokenWidth.Short))
        {
            writer.Add(new EncodedDocument([1, 2, 300], null));
            writer.Add(new EncodedDocument([65535, 0], null));
            writer.Finish(isSplit: false);
        }

        byte[] good = File.ReadAllBytes(path);
        string damaged = _files.At("damaged");
        for (int i = 0; i < good.Length; i++)
        {
            byte[] flipped = [.. good];
            flipped[i] ^= (byte)(1 << i % 8);
            File.WriteAllBytes(damaged, flipped);
            Assert.True(TokenFile.TryOpen(damaged, key) is null, $"a flipped bit in byte {i} went unnoticed");
            File.WriteAllBytes(damaged, good[..i]);
            Assert.True(TokenFile.TryOpen(damaged, key) is null, $"a file cut to {i} bytes was opened");
        }

        File.WriteAllBytes(damaged, [.. good, 0]);
        Assert.Null(TokenFile.TryOpen(damaged, key));
        Assert.Null(TokenFile.TryOpen(path, new byte[32]));
        Assert.Null(TokenFile.TryOpen(_files.Cache, key));
        using TokenFile file = TokenFile.TryOpen(path, key)!;
        int[] ids = new int[5];
        file.Read(0, ids, new bool[5]);
        Assert.Equal([1, 2, 300, 65535, 0], ids);
        Assert.Equal([0L, 3, 5], [file.Offset(0), file.Offset(1), file.Offset(2)]);
        Assert.Equal([0L, 0, 0, 1, 1], Enumerable.Range(0, 5).Select(token => file.DocumentOf(token)));
    }

    [Fact]
    public void A_damaged_entry_is_written_anew()
    {
        string path = _files.Write("a.txt", "some text to be read again");
        int[] expected = Ids(path);
        string entry = Directory.GetFiles(_files.Cache).Single();
        byte[] good = File.ReadAllBytes(entry);
        foreach (byte[] bad in (byte[][])[[], good[..60], good[..^1], [.. good[..130], 9, .. good[131..]], [.. good[..20], 255, .. good[21..]]])
        {
            File.WriteAllBytes(entry, bad);
            Assert.Equal(expected, Ids(path));
            Assert.Equal(good, File.ReadAllBytes(entry));
        }

        Assert.Single(Directory.GetFiles(_files.Cache));
    }

    [Theory]
    [InlineData(65536)]
    [InlineData(65537)]
    public void Vocabularies_on_both_sides_of_16_bits_are_kept_whole(int vocabulary)
    {
        // 258 tokens of bytes and specials, and added ones up to the size.
        string json = File.ReadAllText(_files.At("tokenizer", "tokenizer.json"));
        string added = $$"""{"id": {{vocabulary - 1}}, "content": "\u2603", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": false},""";
        _files.Write("large/tokenizer.json", json.Replace("\"added_tokens\": [", "\"added_tokens\": [" + added, StringComparison.Ordinal));
        Tokenizer tokenizer = Tokenizer.Load(_files.At("large"));
        Assert.Equal(vocabulary, tokenizer.VocabSize);
        string path = _files.Write("a.txt", "x\u2603y");
        DataOptions options = new() { Sources = [new() { Path = path }] };
        using PackedData data = PackedData.Open(options, tokenizer, null, _files.Cache);
        Assert.Equal(tokenizer.Encode("x\u2603y"), data.Next(1, 10).Tokens.Ids);
        Assert.Contains(vocabulary - 1, data.Next(1, 10).Tokens.Ids);
    }

    [Fact]
    public void A_cancelled_reading_leaves_nothing_behind()
    {
        string path = _files.Write("a.jsonl", string.Concat(Enumerable.Repeat("{\"text\": \"line\"}\n", 5000)));
        using CancellationTokenSource source = new();
        DataOptions options = new() { Sources = [new() { Path = path }] };
        Assert.ThrowsAny<OperationCanceledException>(
            () => PackedData.Open(options, _files.Tokenizer, null, _files.Cache, _ => source.Cancel(), source.Token));
        Assert.Empty(Directory.GetFiles(_files.Cache));
    }

    [Fact]
    public void Progress_goes_up_to_the_size_of_the_files()
    {
        string path = _files.Write("a.jsonl", string.Concat(Enumerable.Repeat("{\"text\": \"line\"}\n", 5000)));
        List<DataProgress> told = [];
        PackedData.Open(new DataOptions { Sources = [new() { Path = path }], AddEos = false }, _files.Tokenizer, null, _files.Cache, told.Add).Dispose();
        Assert.Equal(new DataProgress(path, 17 * 5000, 17 * 5000, 4 * 5000), told[^1]);
        Assert.True(told.Count > 2);
        Assert.Equal(told.Select(one => one.Bytes), told.Select(one => one.Bytes).Order());
    }

    [Fact]
    public void A_cache_that_cannot_be_written_is_named()
    {
        string file = _files.Write("in the way", "");
        string path = _files.Write("a.txt", "text");
        DataOptions options = new() { Sources = [new() { Path = path }] };
        DataException e = Assert.Throws<DataException>(() => PackedData.Open(options, _files.Tokenizer, null, file));
        Assert.StartsWith(file, e.Message, StringComparison.Ordinal);
    }

    // Whether opening a source read it rather than the cache.
    private bool Reads(DataSource source, bool addEos = false, ChatFormat? chat = null, Tokenizer? tokenizer = null)
    {
        bool wasRead = false;
        DataOptions options = new() { Sources = [source], AddEos = addEos };
        PackedData.Open(options, tokenizer ?? _files.Tokenizer, chat ?? _files.Chat, _files.Cache, _ => wasRead = true).Dispose();
        return wasRead;
    }

    private int[] Ids(string path)
    {
        using PackedData data = _files.Open(path);
        return [.. data.Next(1, 1000).Tokens.Ids];
    }
}
