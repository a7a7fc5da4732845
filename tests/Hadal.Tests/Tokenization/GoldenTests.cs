using System.Text.Json;
using Hadal.Tokenization;

namespace Hadal.Tests.Tokenization;

/// <summary>Ids are those of llama.cpp, of Hugging Face's tokenizers and of tiktoken on the same vocabulary and text.</summary>
public class GoldenTests
{
    private const string Separator = "\n__ggml_vocab_test__\n";

    [SkippableTheory]
    [InlineData("deepseek-coder")]
    [InlineData("deepseek-llm")]
    [InlineData("falcon")]
    [InlineData("gpt-2")]
    [InlineData("llama-bpe")]
    [InlineData("llama-spm")]
    [InlineData("phi-3")]
    [InlineData("qwen2")]
    [InlineData("starcoder")]
    public void Ids_are_those_of_llama_cpp(string name)
    {
        string path = SharedData.Require($"llamacpp-vocab/ggml-vocab-{name}.gguf");
        Tokenizer tokenizer = Tokenizer.Load(path);
        string[] texts = File.ReadAllText(path + ".inp").Split(Separator)[..^1];
        string[] expected = File.ReadAllLines(path + ".out");
        Assert.Equal(expected.Length, texts.Length);
        for (int i = 0; i < texts.Length; i++)
        {
            int[] ids = tokenizer.Encode(texts[i]);
            Assert.Equal($"{i}: {expected[i].Trim()}", $"{i}: {string.Join(' ', ids)}");
            Assert.Equal(texts[i], tokenizer.Decode(ids));
        }
    }

    [SkippableFact]
    public void DeepSeek_V3_from_tokenizer_json_gives_the_ids_of_Hugging_Face() => CheckDeepSeek(SharedData.DeepSeek(), _ => true);

    // Its own files list special tokens of an earlier release, without <think> and its like.
    [SkippableTheory]
    [InlineData("deepseek_v3.tiktoken")]
    public void DeepSeek_V3_from_tiktoken_gives_the_same_ids(string file) =>
        CheckDeepSeek(Tokenizer.Load(SharedData.Require($"tokenizer-deepseek-v3/{file}")), text => !text.Contains('\uFF5C') && !text.Contains("<|"));

    [SkippableFact]
    public void GPT_2_from_tiktoken_gives_the_ids_of_a_long_text()
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedData.Require("tokenizer-gpt2"));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("tokenizer-gpt2/tokens_gpt2.json")));
        int[] expected = document.RootElement.Deserialize<int[]>()!;
        Assert.Equal(50257, tokenizer.VocabSize);
        Assert.Equal(expected, tokenizer.Encode(tokenizer.Decode(expected)));
    }

    [SkippableFact]
    public void Tiktoken_and_GGUF_of_GPT_2_agree_on_a_book()
    {
        string text = File.ReadAllText(SharedData.Require("tinyshakespeare/input.txt"));
        Tokenizer one = Tokenizer.Load(SharedData.Require("tokenizer-gpt2/gpt2.tiktoken"));
        Tokenizer other = Tokenizer.Load(SharedData.Require("llamacpp-vocab/ggml-vocab-gpt-2.gguf"));
        Assert.Equal(one.Encode(text), other.Encode(text));
    }

    [SkippableTheory]
    [InlineData("tinyshakespeare/input.txt")]
    [InlineData("chinese-poetry/guwenguanzhi.json")]
    public void JSON_and_tiktoken_of_DeepSeek_V3_agree_on_a_book(string file)
    {
        string text = File.ReadAllText(SharedData.Require(file));
        Tokenizer tiktoken = Tokenizer.Load(SharedData.Require("tokenizer-deepseek-v3/deepseek_v3.tiktoken"));
        Assert.Equal(SharedData.DeepSeek().Encode(text), tiktoken.Encode(text));
    }

    [Fact]
    public void Stories260K_decodes_the_story_that_its_model_tells()
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedData.Fixture("stories260K"));
        int[] ids = tokenizer.Encode("Once upon a time, there was a little girl named Lily.", addSpecial: true);
        Assert.Equal([1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426], ids);
        Assert.Equal("Once upon a time, there was a little girl named Lily.", tokenizer.Decode(ids, skipSpecial: true));
        Assert.Equal(1, tokenizer.BosId);
        Assert.Equal([2], tokenizer.EosIds);
        Assert.Equal(512, tokenizer.VocabSize);
    }

    [SkippableFact]
    public void MiniMind_reads_its_special_tokens()
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedData.Require("tokenizer-minimind"));
        Assert.Equal(6400, tokenizer.VocabSize);
        Assert.Equal([1, 2], [tokenizer.BosId!.Value, tokenizer.EosIds[0]]);
        const string Text = "<|im_start|>user\n\u4F60\u597D<|im_end|>\n";
        int[] ids = tokenizer.Encode(Text, parseSpecial: true);
        Assert.Equal(1, ids[0]);
        Assert.Equal(Text, tokenizer.Decode(ids));
        Assert.Equal("user\n\u4F60\u597D\n", tokenizer.Decode(ids, skipSpecial: true));
        Assert.DoesNotContain(1, tokenizer.Encode(Text));
        Assert.Equal(Text, tokenizer.Decode(tokenizer.Encode(Text)));
    }

    private static void CheckDeepSeek(Tokenizer tokenizer, Func<string, bool> counts)
    {
        int compared = 0;
        foreach ((string text, int[] ids) in SharedData.DeepSeekVectors().Where(vector => counts(vector.Text)))
        {
            Assert.Equal($"{text}: {string.Join(' ', ids)}", $"{text}: {string.Join(' ', tokenizer.Encode(text, parseSpecial: true))}");
            Assert.Equal(text, tokenizer.Decode(ids));
            compared++;
        }

        Assert.True(compared > 25, $"only {compared} vectors compared");
    }
}
