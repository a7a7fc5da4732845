using System.Text.Json;
using Hadal.Tokenization;
using Hadal.Tokenization.Training;

namespace Hadal.Tests.Tokenization;

public sealed class BpeTrainerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hadal-trainer-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Vocabulary_and_merges_are_those_of_the_reference()
    {
        TrainedBpe trained = Reference(threads: 0);
        string[] merges = File.ReadAllLines(SharedData.Fixture("bpe-cs336/train-bpe-reference-merges.txt"));
        Assert.Equal(merges, trained.Merges.Select(merge => $"{merge.Left} {merge.Right}"));

        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(SharedData.Fixture("bpe-cs336/train-bpe-reference-vocab.json")));
        Dictionary<string, int> expected = document.RootElement.Deserialize<Dictionary<string, int>>()!;
        Assert.Equal(expected.OrderBy(token => token.Value).Select(token => token.Key), trained.Tokens);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Threads_change_nothing(int threads) => Assert.Equal(Reference(threads: 0).Merges, Reference(threads).Merges);

    [Fact]
    public void What_is_written_loads_and_encodes()
    {
        Reference(threads: 0).Write(_folder);
        Tokenizer tokenizer = Tokenizer.Load(_folder);
        Assert.Equal(500, tokenizer.VocabSize);
        Assert.Equal([0], tokenizer.EosIds);
        string text = File.ReadAllText(SharedData.Fixture("bpe-cs336/corpus.en"));
        int[] ids = tokenizer.Encode(text + "<|endoftext|>", parseSpecial: true);
        Assert.Equal(0, ids[^1]);
        Assert.Equal(text, tokenizer.Decode(ids, skipSpecial: true));
        Assert.InRange(ids.Length, 1, text.Length / 2);
        Assert.Equal(["tokenizer.json", "tokenizer_config.json"], Directory.GetFiles(_folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Markup_is_one_token_from_any_text_and_stays_when_special_tokens_are_left_out()
    {
        BpeTrainerOptions options = new() { VocabSize = 300, SpecialTokens = ["<eos>"], MarkupTokens = ["<think>", "</think>"] };
        BpeTrainer.Train([SharedData.Fixture("bpe-cs336/corpus.en")], options).Write(_folder);
        Tokenizer tokenizer = Tokenizer.Load(_folder);
        Assert.Equal(300, tokenizer.VocabSize);
        int[] ids = tokenizer.Encode("<think>the</think><eos>", parseSpecial: true);
        Assert.Equal((1, 2, 0), (ids[0], ids[^2], ids[^1]));
        Assert.Equal("<think>the</think>", tokenizer.Decode(ids, skipSpecial: true));
        Assert.Equal(ids[..^1], tokenizer.Encode("<think>the</think>", parseSpecial: false));
        Assert.Throws<ArgumentException>(() => BpeTrainer.Train([], options with { MarkupTokens = ["<eos>"] }));
    }

    [Fact]
    public void A_vocabulary_for_DeepSeek_s_pattern_begins_texts_with_its_BOS()
    {
        BpeTrainerOptions options = new()
        {
            VocabSize = 400,
            SpecialTokens = ["<bos>", "<eos>"],
            BosToken = "<bos>",
            EosToken = "<eos>",
            Pattern = "deepseek-v3",
        };
        BpeTrainer.Train([SharedData.Fixture("bpe-cs336/corpus.en")], options).Write(_folder);
        Tokenizer tokenizer = Tokenizer.Load(_folder);
        int[] ids = tokenizer.Encode("12345 apples", addSpecial: true);
        Assert.Equal(0, ids[0]);
        Assert.Equal(0, tokenizer.BosId);
        Assert.Equal([1], tokenizer.EosIds);
        Assert.Equal("<bos>12345 apples", tokenizer.Decode(ids));
    }

    [Fact]
    public void Special_tokens_are_cut_out_and_cut_words()
    {
        string file = Path.Combine(_folder, "text.txt");
        File.WriteAllText(file, "aab<s>baa<s>aab");
        BpeTrainerOptions options = new() { VocabSize = 259, SpecialTokens = ["<s>"] };
        TrainedBpe trained = BpeTrainer.Train([file], options);
        // aa is in all three words; then (aa, b) twice and (b, aa) once.
        Assert.Equal([("a", "a"), ("aa", "b")], trained.Merges);
    }

    [Fact]
    public void Training_stops_when_nothing_is_left_to_merge()
    {
        string file = Path.Combine(_folder, "text.txt");
        File.WriteAllText(file, "abc abc");
        TrainedBpe trained = BpeTrainer.Train([file], new BpeTrainerOptions { VocabSize = 1000 });
        Assert.Equal([("b", "c"), ("a", "bc"), ("\u0120", "abc")], trained.Merges);
    }

    [Fact]
    public void Long_files_are_counted_as_if_whole()
    {
        // More than one stretch, with runs of white space where a cut would change words.
        string line = "some words, 123 numbers\n\n  and\tspaces \n";
        string text = string.Concat(Enumerable.Repeat(line, WordCounter.StretchLength * 3 / line.Length)) + "the\nend";
        string whole = Path.Combine(_folder, "whole.txt");
        File.WriteAllText(whole, text);
        BpeTrainerOptions options = new() { VocabSize = 320 };
        TrainedBpe trained = BpeTrainer.Train([whole], options);
        string part = Path.Combine(_folder, "part.txt");
        File.WriteAllText(part, line + line + line + "the\nend");
        Assert.Contains("\u0120words", trained.Tokens);
        Assert.Equal(
            BpeTrainer.Train([part], options).Tokens.Where(token => token.Length > 1).Order(), trained.Tokens.Where(token => token.Length > 1).Order());
    }

    [Theory]
    [InlineData(256, "<s>")]
    [InlineData(300, "")]
    public void Options_that_contradict_themselves_are_refused(int size, string special) =>
        Assert.Throws<ArgumentException>(() => BpeTrainer.Train([], new BpeTrainerOptions { VocabSize = size, SpecialTokens = [special] }));

    [Fact]
    public void A_missing_file_is_named()
    {
        TokenizerException e = Assert.Throws<TokenizerException>(() => BpeTrainer.Train(["no-such-file"], new BpeTrainerOptions { VocabSize = 300 }));
        Assert.Equal("no-such-file: there is no such file.", e.Message);
    }

    private static TrainedBpe Reference(int threads) => BpeTrainer.Train(
        [SharedData.Fixture("bpe-cs336/corpus.en")],
        new BpeTrainerOptions { VocabSize = 500, SpecialTokens = ["<|endoftext|>"], Threads = threads });
}
