using System.Text;
using Hadal.Tokenization;

namespace Hadal.Tests.Tokenization;

public class RoundTripTests
{
    [SkippableTheory]
    [InlineData("tokenizer-deepseek-v3/deepseek_v3.tiktoken")]
    [InlineData("tokenizer-minimind")]
    [InlineData("tokenizer-gpt2")]
    [InlineData("llamacpp-vocab/ggml-vocab-qwen2.gguf")]
    [InlineData("llamacpp-vocab/ggml-vocab-llama-spm.gguf")]
    [InlineData("llamacpp-vocab/ggml-vocab-deepseek-llm.gguf")]
    public void Text_comes_back(string path) => CheckText(Tokenizer.Load(SharedData.Require(path)));

    [Fact]
    public void Text_comes_back_from_a_small_vocabulary() => CheckText(Tokenizer.Load(SharedData.Fixture("stories260K")));

    [SkippableTheory]
    [InlineData("tokenizer-deepseek-v3/deepseek_v3.tiktoken")]
    [InlineData("tokenizer-minimind")]
    [InlineData("llamacpp-vocab/ggml-vocab-gpt-2.gguf")]
    public void Bytes_come_back(string path)
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedData.Require(path));
        Skip.IfNot(tokenizer.EncodesAnyBytes, "the vocabulary lacks bytes that no UTF-8 has");
        Random random = new(7);
        for (int round = 0; round < 300; round++)
        {
            byte[] bytes = new byte[random.Next(60)];
            random.NextBytes(bytes);
            if (round % 2 == 0) bytes = [.. Encoding.UTF8.GetBytes(RandomText.Valid(random, 4)), .. bytes, .. "text"u8];
            Assert.Equal(bytes, tokenizer.DecodeBytes(tokenizer.EncodeBytes(bytes)));
        }
    }

    [SkippableFact]
    public void A_byte_without_a_token_is_named()
    {
        Tokenizer tokenizer = SharedData.DeepSeek();
        if (tokenizer.EncodesAnyBytes) return;
        NotSupportedException e = Assert.Throws<NotSupportedException>(() => tokenizer.EncodeBytes([0xC0, 0xC1, 0xF5, 0xFF, 0xFE, 0xF8]));
        Assert.Contains("has no token for byte 0x", e.Message);
    }

    [SkippableTheory]
    [InlineData("tokenizer-minimind", '-')]
    [InlineData("tokenizer-deepseek-v3", 'z')]
    [InlineData("llamacpp-vocab/ggml-vocab-llama-spm.gguf", 'a')]
    [InlineData("tokenizer-gpt2", '=')]
    public async Task A_megabyte_of_one_letter_comes_back(string path, char letter)
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedData.Require(path));
        string text = new(letter, 1 << 20);

        // Tenths of a second, or about five minutes if each merge looked at all the others.
        Assert.Equal(text, await Task.Run(() => tokenizer.Decode(tokenizer.Encode(text))).WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [SkippableFact]
    public void Threads_share_a_tokenizer()
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedData.Require("tokenizer-minimind"));
        string[] texts = [.. Enumerable.Range(0, 64).Select(seed => RandomText.Valid(new Random(seed), 200))];
        int[][] expected = [.. texts.Select(text => Tokenizer.Load(SharedData.Require("tokenizer-minimind")).Encode(text))];
        Parallel.For(0, 512, i => Assert.Equal(expected[i % 64], tokenizer.Encode(texts[i % 64])));
    }

    [SkippableFact]
    public void Ids_of_nowhere_are_refused()
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedData.Fixture("stories260K"));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([512]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([-1]));
        Assert.Null(tokenizer.IdToToken(512));
    }

    private static void CheckText(Tokenizer tokenizer)
    {
        Random random = new(42);
        for (int round = 0; round < 400; round++)
        {
            string text = round % 4 == 0 ? RandomText.Invalid(random, round % 30) : RandomText.Valid(random, round % 30);
            // What stands for a space inside SentencePiece can't be told from one.
            text = text.Replace("\u2581", "");
            string expected = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            int[] ids = tokenizer.Encode(text);
            Assert.Equal(expected, tokenizer.Decode(ids));

            IncrementalDecoder decoder = tokenizer.CreateDecoder();
            StringBuilder pieces = new();
            foreach (int id in ids)
            {
                string piece = decoder.Add(id);
                Assert.False(piece.Length > 0 && (char.IsHighSurrogate(piece[^1]) || char.IsLowSurrogate(piece[0])), "half a character");
                pieces.Append(piece);
            }

            Assert.Equal(expected, pieces.Append(decoder.Flush()).ToString());
            CheckRandomIds(tokenizer, random);
        }
    }

    // Ids that no text gives: their bytes need not be UTF-8.
    private static void CheckRandomIds(Tokenizer tokenizer, Random random)
    {
        int[] ids = [.. Enumerable.Range(0, random.Next(12)).Select(_ => random.Next(Math.Min(tokenizer.VocabSize, 1 + random.Next(1000))))];
        foreach (bool skip in (bool[])[false, true])
        {
            IncrementalDecoder decoder = tokenizer.CreateDecoder(skip);
            string pieces = string.Concat(ids.Select(decoder.Add)) + decoder.Flush();
            Assert.Equal(tokenizer.Decode(ids, skip), pieces);
        }
    }
}
