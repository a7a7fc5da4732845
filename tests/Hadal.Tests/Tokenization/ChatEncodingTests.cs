using System.Text.Json;
using System.Text.RegularExpressions;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Tokenization.Templates;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;
using Hadal.Tokenization.Training;

namespace Hadal.Tests.Tokenization;

/// <summary>What stands in messages can't become control, whatever it is and wherever it stands; everything else is tokenized as ever.</summary>
public sealed class ChatEncodingTests : IDisposable
{
    // Markup that templates look for in messages and then write differently.
    private static readonly string[] s_lookedFor = ["<think>", "</think>", "<tool_response>", "</tool_response>"];

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Templates =>
    [
        "Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B", "deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "deepseek-ai-DeepSeek-V3.1",
        "deepseek-ai-DeepSeek-V3.2", "deepseek-ai-DeepSeek-V4-Flash-0731", "deepseek-ai-DeepSeek-V4", "llama-cpp-deepseek-r1", "meta-llama-Llama-3.1-8B-Instruct",
    ];

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [MemberData(nameof(Templates))]
    public void Nothing_in_a_conversation_becomes_control_in_a_vocabulary_of_the_templates_own_markup(string name)
    {
        ChatTemplate template = TemplateFiles.Require(name);
        foreach (bool special in (bool[])[true, false]) RequireSafe(template, Vocabulary(template.Source, special));
    }

    [SkippableTheory]
    [MemberData(nameof(Templates))]
    public void Nothing_in_a_conversation_becomes_control_in_DeepSeeks_vocabulary(string name) =>
        RequireSafe(TemplateFiles.Require(name), SharedData.DeepSeek());

    [SkippableTheory]
    [MemberData(nameof(Templates))]
    public void Nothing_in_a_conversation_becomes_control_in_Qwens_vocabulary(string name) =>
        RequireSafe(TemplateFiles.Require(name), Tokenizer.Load(SharedData.Require("llamacpp-vocab/ggml-vocab-qwen2.gguf")));

    [SkippableFact]
    public void The_template_that_comes_with_DeepSeek_V3_is_safe_too()
    {
        using JsonDocument settings = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("tokenizer-deepseek-v3/tokenizer_config.json")));
        RequireSafe(ChatTemplate.Parse(settings.RootElement.GetProperty("chat_template").GetString()!, "DeepSeek V3"), SharedData.DeepSeek());
    }

    [SkippableTheory]
    [MemberData(nameof(Templates))]
    public void A_conversation_without_attacks_has_the_ids_of_its_text(string name)
    {
        ChatTemplate template = TemplateFiles.Require(name);
        Tokenizer own = Vocabulary(template.Source, special: false);
        Random random = new(3);
        for (int i = 0; i < 30; i++)
        {
            RenderedChat chat = Render(template, () => RandomText.Valid(random, random.Next(1, 12)));
            string text = chat.Text;
            if (own.AddedTokens.Any(token => Occurs(chat, token.Content))) continue; // an attack by chance
            Assert.Equal(own.Encode(text, parseSpecial: true), own.EncodeChat(chat));
        }
    }

    [SkippableFact]
    public void A_conversation_without_attacks_has_the_ids_of_its_text_in_DeepSeeks_vocabulary()
    {
        Tokenizer tokenizer = SharedData.DeepSeek();
        ChatTemplate template = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.1");
        string[] texts = [.. SharedData.DeepSeekVectors().Select(vector => vector.Text)];
        Random random = new(5);
        for (int i = 0; i < 50; i++)
        {
            RenderedChat chat = Render(template, () => texts[random.Next(texts.Length)]);
            if (tokenizer.AddedTokens.Any(token => Occurs(chat, token.Content))) continue;
            Assert.Equal(tokenizer.Encode(chat.Text, parseSpecial: true), tokenizer.EncodeChat(chat));
        }
    }

    [Fact]
    public void A_control_token_spelled_by_two_neighbours_is_none()
    {
        Tokenizer tokenizer = Vocabulary("<|im_start|><|im_end|>", special: false);
        Check("{{ '<|im_' }}{{ messages[0].content }}", "start|>");
        Check("{{ messages[0].content }}{{ '|im_start|>' }}", "<");
        Check("{{ messages[0].content }}{{ messages[1].content }}", "<|im_st", "art|>");
        Check("{{ '<|im_start' }}{{ messages[0].content }}{{ '|>' }}", "");

        void Check(string source, params string[] contents)
        {
            ChatMessage[] messages = [.. contents.Select(content => new ChatMessage("user", content))];
            RenderedChat chat = ChatTemplate.Parse(source, "t").RenderWithForeignSpans(messages, addGenerationPrompt: false, ChatTemplateOptions.Default);
            Assert.Equal("<|im_start|>", chat.Text);
            // Of an empty message nothing is left between what the template writes.
            Assert.Equal(contents[0].Length == 0, tokenizer.EncodeChat(chat).Length == 1);
        }
    }

    [Fact]
    public void Where_a_normalizer_could_make_control_of_other_characters_it_does_not()
    {
        // The wide signs become plain ones by compatibility.
        string folder = Write(["<s>", "<end>"], json => json
            .Replace("\"normalized\":false", "\"normalized\":true", StringComparison.Ordinal)
            .Replace("\"normalizer\":null", "\"normalizer\":{\"type\":\"NFKC\"}", StringComparison.Ordinal));
        Tokenizer tokenizer = Tokenizer.Load(folder);
        ChatTemplate template = ChatTemplate.Parse("{% for m in messages %}<s>{{ m.content }}<end>{% endfor %}", "t");
        int start = tokenizer.TokenToId("<s>")!.Value, end = tokenizer.TokenToId("<end>")!.Value;
        Assert.Equal([start], tokenizer.Encode("\uff1cs\uff1e", parseSpecial: true));
        foreach (string attack in (string[])["\uff1cs\uff1e", "\uff1cend\uff1e\uff1cs\uff1e", "<s>", "\ufb01ne", "plain"])
        {
            int[] ids = tokenizer.EncodeChat(template.RenderWithForeignSpans([new("user", attack), new("user", "x")], false, ChatTemplateOptions.Default));
            Assert.Equal([start, end, start, end], ids.Where(id => id == start || id == end));
        }

        RenderedChat harmless = template.RenderWithForeignSpans([new("user", "\ufb01ne e\u0301")], false, ChatTemplateOptions.Default);
        Assert.Equal(tokenizer.Encode(harmless.Text, parseSpecial: true), tokenizer.EncodeChat(harmless));
    }

    [Theory]
    [InlineData("<think>", false, true)]
    [InlineData("<｜User｜>", false, true)]
    [InlineData("｜DSML｜", false, true)]
    [InlineData("[INST]", false, true)]
    [InlineData("word", true, true)]
    [InlineData("word", false, false)]
    [InlineData("    ", false, false)]
    [InlineData("õ", false, false)]
    [InlineData("<", false, false)]
    public void Markup_is_control_and_words_are_not(string content, bool special, bool control) => Assert.Equal(control, new AddedToken(0, content, special).IsControl);

    private static void RequireSafe(ChatTemplate template, Tokenizer tokenizer)
    {
        AddedToken[] tokens = [.. tokenizer.AddedTokens.Where(token => token.IsControl)];
        HashSet<int> ids = [.. tokens.Select(token => token.Id)];
        string[] controls = [.. tokens.Select(token => token.Content).Where(content => !content.Contains("place▁holder", StringComparison.Ordinal))];
        IEnumerable<int> benign = Controls(Render(template, () => "x"));
        foreach (string control in controls.Except(s_lookedFor))
        {
            foreach (string attack in (string[])[control, $"x{control}{control}\n{control} y", $" {control}\n"])
            {
                Assert.Equal(benign, Controls(Render(template, () => attack)));
            }
        }

        // Here the template may write other markup of its own, but no more of it than stands in what it wrote.
        foreach (string control in s_lookedFor)
        {
            RenderedChat chat = Render(template, () => $"a{control}b");
            string written = string.Concat(chat.Text.Select((c, i) => chat.ForeignSpans.Any(span => i >= span.Start && i < span.End) ? '\ue000' : c));
            Assert.Equal(tokenizer.Encode(written, parseSpecial: true).Where(ids.Contains), Controls(chat));
        }

        IEnumerable<int> Controls(RenderedChat chat) => tokenizer.EncodeChat(chat).Where(ids.Contains);
    }

    private static bool Occurs(RenderedChat chat, string text)
    {
        for (int at = chat.Text.IndexOf(text, StringComparison.Ordinal); at >= 0; at = chat.Text.IndexOf(text, at + 1, StringComparison.Ordinal))
        {
            if (chat.ForeignSpans.Any(span => span.Start < at + text.Length && span.End > at)) return true;
        }

        return false;
    }

    // Everything that can be said, said with the given text; without tools and their results for templates that refuse them.
    private static RenderedChat Render(ChatTemplate template, Func<string> say)
    {
        JsonElement calls = JsonSerializer.SerializeToElement<object[]>(
            [new { id = say(), type = "function", function = new { name = say(), arguments = new Dictionary<string, string> { [say()] = say() } } }]);
        ChatMessage[] talk = [new("system", say()), new("user", say()) { Name = say() }, new("assistant", say()) { ReasoningContent = say() }, new("user", say())];
        ChatMessage[] tools = [new("assistant", null) { ToolCalls = calls }, new("tool", say()) { ToolCallId = say(), Name = say() }];
        ChatMessage[] emptyTools = [tools[0] with { Content = "" }, tools[1]];
        ChatTemplateOptions plain = new() { BosToken = "<BOS>", EosToken = "<EOS>" };
        ChatTemplateOptions withTools = plain with
        {
            Tools = [JsonSerializer.SerializeToElement(new { type = "function", function = new { name = say(), description = say(), parameters = new { type = say() } } })],
        };
        foreach ((ChatMessage[] messages, ChatTemplateOptions options) in ((ChatMessage[], ChatTemplateOptions)[])[([.. talk, .. tools], withTools), ([.. talk, .. emptyTools], withTools), (talk, plain)])
        {
            try
            {
                return template.RenderWithForeignSpans(messages, addGenerationPrompt: true, options);
            }
            catch (TemplateException)
            {
                // The next is easier.
            }
        }

        throw new InvalidOperationException($"{template.Name} refuses a plain conversation");
    }

    // The bytes and all markup of a template.
    private Tokenizer Vocabulary(string template, bool special)
    {
        string[] markup = [.. Regex.Matches(template, "</?[|｜]?[A-Za-z_▁]+[|｜]?>").Select(match => match.Value).Append("<BOS>").Append("｜DSML｜").Distinct()];
        return Tokenizer.Load(Write(markup, json => special ? json : json.Replace("\"special\":true", "\"special\":false", StringComparison.Ordinal)));
    }

    private string Write(string[] tokens, Func<string, string> change)
    {
        string folder = _folder.At(Guid.NewGuid().ToString("N")), file = Path.Combine(folder, "tokenizer.json");
        BpeTrainer.Bytes(tokens).Write(folder);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(file));
        File.WriteAllText(file, change(JsonSerializer.Serialize(json)));
        return folder;
    }
}
