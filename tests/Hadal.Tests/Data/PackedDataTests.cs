using System.Text;
using System.Text.Json;
using Hadal.Data;

namespace Hadal.Tests.Data;

public sealed class PackedDataTests : IDisposable
{
    private readonly TextData _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void An_epoch_of_text_is_the_bytes_of_its_files()
    {
        string[] texts = ["first", "second\r\nline", "na\u00efve \ud83d\ude00"];
        _files.Write("data/b.txt", texts[0]);
        _files.Write("data/a/x.txt", [0xef, 0xbb, 0xbf, .. Encoding.UTF8.GetBytes(texts[1])]);
        _files.Write("data/c.jsonl", $"\ufeff{{\"text\": \"{texts[2]}\"}}\r\n\r\n{{\"more\": 1, \"text\": [\"la\", \"st\"]}}");
        _files.Write("data/d.csv", "not read");
        _files.Write("data/.hidden/e.txt", "not read");
        _files.Write("data/empty.txt", "");
        using PackedData data = _files.Open(_files.At("data"));
        Assert.Equal([.. texts.Append("la\nst").Order()], _files.Epoch(data).Order());
        Assert.Equal(texts.Append("la\nst").Sum(Encoding.UTF8.GetByteCount), data.TrainingTokens);
    }

    [Fact]
    public void A_separator_cuts_a_text_and_is_none_of_it()
    {
        // The separator lies across the reader's first block too.
        string longText = new('x', (1 << 16) - 3);
        string path = _files.Write("data.txt", $"{longText}<|end|>two<|end|><|end|>three<|en");
        using PackedData data = _files.Open(new DataSource { Path = path, Separator = "<|end|>" });
        Assert.Equal(["three<|en", "two", longText], _files.Epoch(data).Order());
    }

    [Fact]
    public void Documents_end_with_the_tokenizer_s_EOS_unless_told_otherwise()
    {
        string path = _files.Write("data.txt", "text");
        using PackedData data = PackedData.Open(new DataOptions { Sources = [new() { Path = path }] }, _files.Tokenizer, null, _files.Cache);
        Assert.Equal(["text" + TextData.Start], _files.Texts(data.Next(1, 100)));
        using PackedData plain = _files.Open(path);
        Assert.Equal(["text"], _files.Texts(plain.Next(1, 100)));
        DataOptions withBos = new() { Sources = [new() { Path = path }], AddBos = true };
        Assert.Contains("BOS", Assert.Throws<DataException>(() => _files.Open(withBos)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_held_out_part_of_a_text_is_the_last_of_its_bytes_and_never_trained_on()
    {
        // Bytes 900 to 999 are held out; a character lies across the cut and stays with training.
        string text = string.Concat(Enumerable.Range(0, 899).Select(i => (char)('a' + i % 26))) + "\u00e9" + new string('Z', 99);
        string path = _files.Write("data.txt", text);
        using PackedData data = _files.Open(new DataOptions { Sources = [new() { Path = path }], HeldOutFraction = 0.1 });
        Assert.Equal(901, data.TrainingTokens);
        Assert.Equal(99, data.HeldOutTokens);
        Assert.Equal(new string('Z', 99), string.Concat(data.HeldOut(1, 30).SelectMany(_files.Texts)));
        Assert.DoesNotContain(_files.Epoch(data, 50), piece => piece.Contains('Z', StringComparison.Ordinal));
        Assert.Equal(1, data.EpochsDone);
    }

    [Theory]
    [InlineData(0.1, 30, 3)]
    [InlineData(0.1, 5, 1)]
    [InlineData(0.29, 100, 29)]
    public void Of_many_documents_the_last_are_held_out(double fraction, int documents, int heldOut)
    {
        string[] lines = [.. Enumerable.Range(0, documents).Select(i => $"{{\"text\": \"<{i}>\"}}")];
        string path = _files.Write("data.jsonl", string.Join('\n', lines));
        using PackedData data = _files.Open(new DataOptions { Sources = [new() { Path = path }], HeldOutFraction = fraction });
        IEnumerable<string> expected = Enumerable.Range(documents - heldOut, heldOut).Select(i => $"<{i}>");
        Assert.Equal(expected.Order(), data.HeldOut(2, 900).SelectMany(_files.Texts).Order());
        Assert.Equal(Enumerable.Range(0, documents - heldOut).Select(i => $"<{i}>").Order(), _files.Epoch(data).Order());
    }

    [Fact]
    public void Held_out_batches_are_always_the_same_and_do_not_move_the_training()
    {
        string path = _files.Write("data.txt", Words(5000, 1)), other = _files.Write("other.txt", Words(700, 2));
        DataOptions options = new() { Sources = [new() { Path = path }], HeldOutFraction = 0.2, HeldOutSources = [new() { Path = other }] };
        using PackedData data = _files.Open(options), same = _files.Open(options);
        data.Next(2, 64);
        same.Next(2, 64);
        int[][] once = [.. data.HeldOut(3, 64).Select(batch => batch.Tokens.Ids.ToArray())];
        Assert.Equal(once, data.HeldOut(3, 64).Select(batch => batch.Tokens.Ids.ToArray()));
        Assert.Equal(data.HeldOutTokens, once.Sum(ids => ids.Length));
        Assert.Equal(1000 + 700, data.HeldOutTokens);
        Assert.Equal(same.Next(4, 64).Tokens.Ids, data.Next(4, 64).Tokens.Ids);
        Assert.Equal(5, data.HeldOut(3, 64, maxPacks: 5).Sum(batch => batch.Packs));
        Assert.Empty(data.HeldOut(3, 64, maxPacks: 0));
    }

    [Fact]
    public void A_share_of_a_single_document_other_than_a_text_is_refused()
    {
        string path = _files.Write("data.jsonl", "{\"text\": \"one\"}");
        DataException e = Assert.Throws<DataException>(
            () => _files.Open(new DataOptions { Sources = [new() { Path = path }], HeldOutFraction = 0.5 }));
        Assert.Equal($"{path}: it has one document, of which a share of 0.5 leaves none to train on.", e.Message);
    }

    [Fact]
    public void A_stream_goes_on_from_any_saved_state_bit_for_bit()
    {
        string[] lines = [.. Enumerable.Range(0, 20).Select(i => $"{{\"text\": \"{Words(10 + 37 * i % 300, i)}\"}}")];
        string chat = string.Join('\n', Enumerable.Range(0, 20).Select(i => $"{{\"q\": \"{Words(20, i)}\", \"a\": \"{Words(10 + i * 4, i + 1)}\"}}"));
        DataOptions options = new()
        {
            Sources =
            [
                new() { Path = _files.Write("a.txt", Words(2000, 3)), Weight = 3 },
                new() { Path = _files.Write("b.jsonl", string.Join('\n', lines)), Weight = 1.5 },
                new() { Path = _files.Write("c.jsonl", chat), QuestionField = "q", AnswerField = "a", Weight = 2 },
            ],
            Seed = 5,
        };
        foreach (DataOptions one in (DataOptions[])[options, options with { Sources = [.. options.Sources.Select(source => source with { Weight = null })] }])
        {
            using PackedData whole = _files.Open(one);
            List<(DataState State, PackedBatch Batch)> steps = [];
            for (int step = 0; step < 90; step++) steps.Add((whole.State, whole.Next(1 + step % 3, 40 + step)));
            Assert.True(whole.EpochsDone >= 1 && whole.TruncatedConversations > 0);
            using PackedData resumed = _files.Open(one);
            for (int from = 89; from >= 0; from -= 8)
            {
                resumed.Restore(JsonSerializer.Deserialize<DataState>(JsonSerializer.Serialize(steps[from].State))!);
                for (int step = from; step < 90; step++)
                {
                    PackedBatch batch = resumed.Next(1 + step % 3, 40 + step);
                    Assert.Equal(steps[step].Batch.Tokens.Ids, batch.Tokens.Ids);
                    Assert.Equal(steps[step].Batch.Targets.ToArray(), batch.Targets.ToArray());
                    Assert.Equal(steps[step].Batch.Pieces, batch.Pieces);
                }

                Assert.Equal(whole.TruncatedConversations, resumed.TruncatedConversations);
                Assert.Equal(whole.Sources, resumed.Sources);
            }
        }
    }

    [Fact]
    public void A_state_of_other_data_or_a_damaged_one_is_refused()
    {
        string path = _files.Write("a.txt", Words(900, 3)), other = _files.Write("b.txt", Words(900, 4));
        using PackedData data = _files.Open(path), second = _files.Open(other);
        data.Next(2, 32);
        DataState state = data.State;
        Assert.Throws<ArgumentException>(() => second.Restore(state));
        DataState[] damaged =
        [
            state with { Sources = [] },
            state with { Sources = [state.Sources[0] with { NextSlot = 1 << 20 }] },
            state with { Sources = [state.Sources[0] with { ChunkLength = 0 }] },
            state with { Sources = [state.Sources[0] with { Used = -1 }] },
            state with { Sources = [state.Sources[0] with { Used = state.Sources[0].Used + 1 }] },
            state with { Sources = [state.Sources[0] with { Epoch = 2 }] },
            state with { Sources = null! },
            state with { Sources = [null!] },
            state with { Pending = null! },
            state with { Pending = [null!] },
            state with { Pending = [.. state.Pending.Skip(1)] },
            state with { Pending = [new PendingPiece(1, 0, 0, 5)] },
            state with { Pending = [new PendingPiece(0, 0, 898, 3)] },
            state with { Pending = [new PendingPiece(0, 0, -1, 3)] },
            state with { Pending = [new PendingPiece(0, 0, long.MaxValue, int.MaxValue)] },
        ];
        Assert.All(damaged, one => Assert.Throws<ArgumentException>(() => data.Restore(one)));
        data.Restore(state);
    }

    [Fact]
    public void Without_weights_an_epoch_of_the_mix_is_one_of_each_and_with_them_the_shares_are_theirs()
    {
        DataSource large = new() { Path = _files.Write("a.txt", Words(6000, 3)) }, small = new() { Path = _files.Write("b.txt", Words(2000, 4)) };
        using PackedData mixed = _files.Open(new DataOptions { Sources = [large, small] });
        long tokens = 0;
        while (mixed.EpochsDone == 0) tokens += mixed.Next(3, 100).TokenCount;
        Assert.Equal(8000, tokens);
        Assert.All(mixed.Sources, source => Assert.Equal(1, source.Epochs));

        using PackedData weighted = _files.Open(new DataOptions { Sources = [large with { Weight = 1 }, small with { Weight = 1 }] });
        for (int step = 0; step < 200; step++) weighted.Next(4, 100);
        // Half of 80000 tokens each, give or take what waits.
        Assert.InRange(weighted.Sources[0].Epochs * 6000, 40000 - 6400, 40000 + 6400);
        Assert.Equal(80000, weighted.Sources.Sum(source => source.Epochs * source.TrainingTokens), 1);
    }

    [Fact]
    public void Options_that_make_no_sense_are_refused()
    {
        DataSource source = new() { Path = "a" };
        DataOptions[] wrong =
        [
            new() { Sources = [] },
            new() { Sources = [source, source with { Weight = 1 }] },
            new() { Sources = [source with { Weight = 0 }] },
            new() { Sources = [source with { Weight = double.NaN }] },
            new() { Sources = [source], HeldOutFraction = 1 },
            new() { Sources = [source], HeldOutFraction = double.NaN },
            new() { Sources = [source], ChunkLength = 0 },
            new() { Sources = [source with { Separator = "" }] },
            new() { Sources = [source with { QuestionField = "q" }] },
            new() { Sources = [source with { QuestionField = "q", AnswerField = "a", Format = SourceFormat.Jsonl }] },
        ];
        Assert.All(wrong, options => Assert.Throws<ArgumentException>(options.Validate));
        new DataOptions { Sources = [source] }.Validate();
    }

    [SkippableFact]
    public void The_last_tenth_of_tinyshakespeare_is_held_out()
    {
        string path = Tokenization.SharedData.Require("tinyshakespeare/input.txt");
        using PackedData data = _files.Open(new DataOptions { Sources = [new() { Path = path }], HeldOutFraction = 0.1 });
        byte[] bytes = File.ReadAllBytes(path);
        int cut = bytes.Length * 9 / 10; // as nanoGPT cuts it
        Assert.Equal(cut, data.TrainingTokens);
        Dictionary<long, string> pieces = [];
        foreach (PackedBatch batch in data.HeldOut(8, 256))
        {
            foreach ((PackedPiece piece, string text) in batch.Pieces.Zip(_files.Texts(batch))) pieces.Add(piece.Start, text);
        }

        Assert.Equal(Encoding.UTF8.GetString(bytes, cut, bytes.Length - cut), string.Concat(pieces.OrderBy(p => p.Key).Select(p => p.Value)));
    }

    private static string Words(int length, int seed)
    {
        Random random = new(seed);
        return string.Concat(Enumerable.Range(0, length).Select(_ => (char)(random.Next(6) == 0 ? ' ' : 'a' + random.Next(26))));
    }
}
