using Hadal.Checkpoints.Gguf;
using Hadal.Tests.Checkpoints;
using Hadal.Tokenization;
using Hadal.Tokenization.Formats;

namespace Hadal.Tests.Tokenization;

/// <summary>A vocabulary that moves into a GGUF file and out again gives every text the ids that it gave before.</summary>
public sealed class TokenizerConversionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData("tokenizer-minimind")]
    [InlineData("tokenizer-deepseek-v3")]
    [InlineData("stories260K")]
    public void A_folder_becomes_GGUF_and_a_folder_again(string name)
    {
        Tokenizer original = name switch
        {
            "tokenizer-deepseek-v3" => SharedData.DeepSeek(),
            "stories260K" => Tokenizer.Load(SharedData.Fixture(name)),
            _ => Tokenizer.Load(SharedData.Require(name)),
        };
        string source = Path.GetDirectoryName(original.Path)!, gguf = _folder.At("v.gguf"), back = Directory.CreateDirectory(_folder.At("back")).FullName;
        Write(TokenizerConversion.GgufKeys(source, original.VocabSize + 3)!, gguf);
        Tokenizer inGguf = Tokenizer.Load(gguf);
        Assert.Equal(original.VocabSize, inGguf.VocabSize); // the three rows that no token has are no tokens
        RequireSame(original, inGguf, compareSettings: true);
        Assert.True(TokenizerConversion.WriteFolder(gguf, back));
        RequireSame(inGguf, Tokenizer.Load(back), compareSettings: true);
    }

    [SkippableTheory]
    [InlineData("deepseek-coder")]
    [InlineData("deepseek-llm")]
    [InlineData("gpt-2")]
    [InlineData("llama-spm")]
    [InlineData("qwen2")]
    public void A_vocabulary_of_llama_cpp_becomes_a_folder_and_GGUF_again(string name)
    {
        string path = SharedData.Require($"llamacpp-vocab/ggml-vocab-{name}.gguf"), back = Directory.CreateDirectory(_folder.At("back")).FullName;
        Assert.True(TokenizerConversion.WriteFolder(path, back));
        Tokenizer original = Tokenizer.Load(path), folder = Tokenizer.Load(back);
        RequireSame(original, folder, compareSettings: false);
        Write(TokenizerConversion.GgufKeys(back, original.VocabSize)!, _folder.At("v.gguf"));
        RequireSame(original, Tokenizer.Load(_folder.At("v.gguf")), compareSettings: false);
        foreach (string text in File.ReadAllText(path + ".inp").Split("\n__ggml_vocab_test__\n")) Assert.Equal(original.Encode(text), folder.Encode(text));
    }

    [Fact]
    public void Keys_of_a_GGUF_file_are_taken_as_they_are()
    {
        string path = _folder.At("v.gguf");
        File.WriteAllBytes(path, SmallFiles.Gguf("llama"));
        GgufMetadata keys = GgufMetadata.Read(path);
        IReadOnlyList<KeyValuePair<string, object>> taken = TokenizerConversion.GgufKeys(path, 99)!;
        Assert.Equal(keys.Keys.Order(StringComparer.Ordinal), taken.Select(key => key.Key).Order(StringComparer.Ordinal));
        Assert.All(taken, key => Assert.Equal(keys.Value(key.Key), key.Value));
    }

    [Fact]
    public void A_folder_without_a_tokenizer_has_no_keys_and_gives_no_files()
    {
        Assert.Null(TokenizerConversion.GgufKeys(_folder.Path, 10));
        Assert.False(TokenizerConversion.WriteFolder(_folder.Path, Directory.CreateDirectory(_folder.At("to")).FullName));
        Assert.Empty(Directory.GetFiles(_folder.At("to")));
    }

    [Fact]
    public void A_vocabulary_larger_than_the_model_is_refused()
    {
        TokenizerException e = Assert.Throws<TokenizerException>(() => TokenizerConversion.GgufKeys(SharedData.Fixture("stories260K"), 100));
        Assert.EndsWith("expected ids below the model's vocab_size, 100.", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\": \"Lowercase\"}", "it rewrites text before it cuts it")]
    [InlineData("\"use_regex\": true, \"add_prefix_space\": false", "\"use_regex\": true, \"add_prefix_space\": true", "it cuts text in a way that has no name in GGUF")]
    [InlineData("\"single\": [{\"SpecialToken\"", "\"single\": [{\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}}, {\"SpecialToken\"", "it puts other tokens around a text")]
    public void What_GGUF_has_no_key_for_is_refused(string old, string changed, string expected)
    {
        Assert.Contains(old, SmallFiles.Json, StringComparison.Ordinal);
        File.WriteAllText(_folder.At("tokenizer.json"), SmallFiles.Json.Replace(old, changed, StringComparison.Ordinal));
        TokenizerException e = Assert.Throws<TokenizerException>(() => TokenizerConversion.GgufKeys(_folder.Path, 20));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    private static void Write(IReadOnlyList<KeyValuePair<string, object>> keys, string path) => GgufWriter.Write(path, keys, [], (_, _) => { });

    private static void RequireSame(Tokenizer expected, Tokenizer found, bool compareSettings)
    {
        for (int id = 0; id < expected.VocabSize; id++) Assert.Equal((id, expected.IdToToken(id), expected.IsSpecial(id)), (id, found.IdToToken(id), found.IsSpecial(id)));
        Random random = new(3);
        for (int round = 0; round < 400; round++)
        {
            string text = round == 0 ? "Once upon a time, 1234 little\n\n  don't!  " : RandomText.Valid(random, 12);
            Assert.Equal(expected.Encode(text, addSpecial: true, parseSpecial: true), found.Encode(text, addSpecial: true, parseSpecial: true));
        }

        Assert.Equal((expected.BosId, expected.EosIds.FirstOrDefault(-1), expected.PadId), (found.BosId, found.EosIds.FirstOrDefault(-1), found.PadId));
        if (compareSettings) Assert.Equal(expected.ChatTemplate, found.ChatTemplate);
    }
}
