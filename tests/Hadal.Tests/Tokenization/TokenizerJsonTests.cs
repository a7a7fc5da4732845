using Hadal.Tokenization;

namespace Hadal.Tests.Tokenization;

/// <summary>What single settings of tokenizer.json do.</summary>
public sealed class TokenizerJsonTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hadal-json-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Special_tokens_of_a_user_s_text_stay_text()
    {
        Tokenizer tokenizer = Load(SmallFiles.Json);
        Assert.Equal([8, 7, 8], tokenizer.Encode("hello<s>", addSpecial: true, parseSpecial: true));
        Assert.DoesNotContain(8, tokenizer.Encode("hello<s>"));
        Assert.Equal("<s>hello", tokenizer.Decode([8, 7]));
        Assert.Equal("hello", tokenizer.Decode([8, 7], skipSpecial: true));
    }

    [Fact]
    public void Added_tokens_take_white_space_if_they_say_so()
    {
        const string Old = "\"single_word\": false, \"lstrip\": false, \"rstrip\": false";
        Assert.Equal([7, 8, 7], Load(Changed(Old, "\"single_word\": false, \"lstrip\": true, \"rstrip\": true")).Encode("hello \n<s>  hello", parseSpecial: true));
        Tokenizer single = Load(Changed(Old, "\"single_word\": true, \"lstrip\": false, \"rstrip\": false"));
        Assert.DoesNotContain(8, single.Encode("hello<s>", parseSpecial: true));
        Assert.Contains(8, single.Encode("!<s>!", parseSpecial: true));
    }

    [Fact]
    public void Ignored_merges_leave_whole_words()
    {
        // Without the last merge "hello" is no longer spelled, but it still is a word.
        string json = Changed(", \"he llo\"", "");
        Assert.Equal([4, 6], Load(json).Encode("hello"));
        Assert.Equal([7], Load(json.Replace("\"ignore_merges\": false", "\"ignore_merges\": true")).Encode("hello"));
    }

    [Fact]
    public void Text_is_normalized_first()
    {
        Tokenizer tokenizer = Load(Changed("\"normalizer\": null", "\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFKC\"}, {\"type\": \"Lowercase\"}]}"));
        Assert.Equal([7], tokenizer.Encode("\uFF28\uFF25LLO"));
    }

    [Fact]
    public void Settings_beside_the_file_name_its_ends()
    {
        File.WriteAllText(
            Path.Combine(_folder, "tokenizer_config.json"),
            """{"bos_token": {"content": "<s>"}, "eos_token": "o", "add_bos_token": false, "chat_template": "{{ x }}"}""");
        File.WriteAllText(Path.Combine(_folder, "generation_config.json"), """{"eos_token_id": [3, 5]}""");
        Tokenizer tokenizer = Load(SmallFiles.Json);
        Assert.Equal(8, tokenizer.BosId);
        Assert.Equal([3, 5], tokenizer.EosIds);
        Assert.Equal("{{ x }}", tokenizer.ChatTemplate);
        Assert.Equal([7], tokenizer.Encode("hello", addSpecial: true));
    }

    [Fact]
    public void The_template_can_be_one_of_several_or_in_a_file_of_its_own()
    {
        string settings = Path.Combine(_folder, "tokenizer_config.json");
        File.WriteAllText(settings, """{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}""");
        Assert.Equal("d", Load(SmallFiles.Json).ChatTemplate);
        File.WriteAllText(Path.Combine(_folder, "chat_template.jinja"), "{{ file }}\n");
        Assert.Equal("{{ file }}\n", Load(SmallFiles.Json).ChatTemplate);
        File.WriteAllText(settings, """{"chat_template": 3}""");
        Assert.Contains("chat_template: found 3", Assert.Throws<TokenizerException>(() => Load(SmallFiles.Json)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_characters_are_fused_or_not()
    {
        const string Json = """
            {"added_tokens": [], "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
             "model": {"type": "BPE", "unk_token": "?", "fuse_unk": true, "vocab": {"?": 0, "a": 1}, "merges": []}}
            """;
        Assert.Equal([1, 0, 1], Load(Json).Encode("axya"));
        Assert.Equal([1, 0, 0, 1], Load(Json.Replace("\"fuse_unk\": true", "\"fuse_unk\": false")).Encode("axya"));
    }

    private static string Changed(string old, string changed)
    {
        Assert.Contains(old, SmallFiles.Json);
        return SmallFiles.Json.Replace(old, changed);
    }

    private Tokenizer Load(string json)
    {
        string path = Path.Combine(_folder, "tokenizer.json");
        File.WriteAllText(path, json);
        return Tokenizer.Load(path);
    }
}
