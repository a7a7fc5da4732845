using System.Text.Json;
using Hadal.Data;
using Hadal.Tests.Tokenization.Templates;
using Hadal.Tokenization;
using Hadal.Tokenization.Training;

namespace Hadal.Tests.Data;

/// <summary>Conversations: which tokens a model learns to say.</summary>
public sealed class ConversationTests : IDisposable
{
    private readonly TextData _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Only_what_the_assistant_says_is_learned_with_the_token_that_ends_its_turn()
    {
        PackedBatch batch = Read("""
            {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"},
            """.Trim() + """
             {"role": "assistant", "content": "4"}, {"role": "user", "content": "Na\u00efve \ud83d\ude00?"}, {"role": "assistant", "content": "Yes \ud83d\ude00"}]}
            """);
        const string text = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>\n"
            + "<|im_start|>user\nNa\u00efve \ud83d\ude00?<|im_end|>\n<|im_start|>assistant\nYes \ud83d\ude00<|im_end|>\n";
        Assert.Equal([text], _files.Texts(batch));
        Assert.Equal("4<|im_end|>\nYes \ud83d\ude00<|im_end|>\n", _files.Learned(batch, 0));

        // By hand: the row whose next token is "4" is the line break behind the header.
        int four = _files.Tokenizer.Encode("4")[0], lineBreak = _files.Tokenizer.Encode("\n")[0];
        int row = Array.IndexOf(batch.Targets.ToArray(), four);
        Assert.Equal([lineBreak, four, 1], batch.Tokens.Ids.Skip(row).Take(3));
        Assert.Equal([-1, four, 1, lineBreak, -1], batch.Targets.Slice(row - 1, 5).ToArray());
        // 4, its end and line break; "Yes " and the four bytes of the face, its end and line break.
        Assert.Equal(3 + 10, batch.CountedTargets);
    }

    [Fact]
    public void Questions_with_answers_are_conversations_of_two_messages()
    {
        string path = _files.Write("data.jsonl", "{\"question\": \"Why?\", \"answer\": \"Because.\", \"id\": 7}");
        using PackedData data = _files.Open(new DataSource { Path = path, QuestionField = "question", AnswerField = "answer" });
        PackedBatch batch = data.Next(1, 200);
        Assert.Equal(["<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\nBecause.<|im_end|>\n"], _files.Texts(batch));
        Assert.Equal("Because.<|im_end|>\n", _files.Learned(batch, 0));
    }

    [Fact]
    public void DeepSeek_V3_1_learns_the_answer_and_its_EOS()
    {
        string source = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "templates", "deepseek-ai-DeepSeek-V3.1.jinja"));
        ChatFormat chat = new(source, "V3.1", new() { BosToken = TextData.Start, EosToken = TextData.End });
        string path = _files.Write("data.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", \"content\": \"Hello\"}]}");
        using PackedData data = PackedData.Open(Chat(path), _files.Tokenizer, chat, _files.Cache);
        PackedBatch batch = data.Next(1, 200);
        const string end = "<\uff5cend\u2581of\u2581sentence\uff5c>"; // which the template writes itself
        Assert.Equal(["<|im_start|><\uff5cUser\uff5c>Hi<\uff5cAssistant\uff5c><think></think>Hello" + end], _files.Texts(batch));
        Assert.Equal("Hello" + end, _files.Learned(batch, 0));
    }

    [Fact]
    public void A_tokenizer_that_normalizes_still_finds_the_assistant()
    {
        string json = File.ReadAllText(_files.At("tokenizer", "tokenizer.json"));
        _files.Write("nfc/tokenizer.json", json.Replace("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}", StringComparison.Ordinal));
        Tokenizer tokenizer = Tokenizer.Load(_files.At("nfc"));
        // e and a combining accent become one character, so the text gets shorter before the answer and in it.
        string path = _files.Write("data.jsonl", Line("cafe\u0301?", "the\u0301"));
        using PackedData data = PackedData.Open(Chat(path), tokenizer, _files.Chat, _files.Cache);
        PackedBatch batch = data.Next(1, 200);
        Assert.Equal(["<|im_start|>user\ncaf\u00e9?<|im_end|>\n<|im_start|>assistant\nth\u00e9<|im_end|>\n"], _files.Texts(batch));
        Assert.Equal("th\u00e9<|im_end|>\n", _files.Learned(batch, 0));
    }

    [Fact]
    public void A_tokenizer_that_normalizes_across_the_start_of_an_answer_is_refused()
    {
        string json = File.ReadAllText(_files.At("tokenizer", "tokenizer.json"));
        _files.Write("nfc/tokenizer.json", json.Replace("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}", StringComparison.Ordinal));
        ChatFormat chat = new("{% for m in messages %}{{ m.content }}{% endfor %}", "bare", new());
        string path = _files.Write("data.jsonl", Line("cafe", "\u0301!"));
        DataException e = Assert.Throws<DataException>(() => PackedData.Open(Chat(path), Tokenizer.Load(_files.At("nfc")), chat, _files.Cache));
        Assert.StartsWith($"{path}, line 1: the tokenizer changes the text where the assistant starts or stops, at '", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_across_the_start_of_an_answer_is_not_the_assistant_s()
    {
        string corpus = _files.Write("corpus", "Ua Ua Ua");
        BpeTrainer.Train([corpus], new BpeTrainerOptions { VocabSize = 257 }).Write(_files.At("bpe"));
        Tokenizer tokenizer = Tokenizer.Load(_files.At("bpe"));
        ChatFormat chat = new("{% for m in messages %}{{ m.content }}{% endfor %}", "bare", new());
        string path = _files.Write("data.jsonl", Line("qU", "abc"));
        using PackedData data = PackedData.Open(Chat(path), tokenizer, chat, _files.Cache);
        PackedBatch batch = data.Next(1, 20);
        int[] ids = [tokenizer.TokenToId("q")!.Value, tokenizer.TokenToId("Ua")!.Value, tokenizer.TokenToId("b")!.Value, tokenizer.TokenToId("c")!.Value];
        Assert.Equal(ids, batch.Tokens.Ids);
        Assert.Equal([-1, ids[2], ids[3], -1], batch.Targets.ToArray());
    }

    [Fact]
    public void A_tokenizer_that_drops_a_leading_space_finds_the_assistant()
    {
        Tokenizer tokenizer = Tokenizer.Load(Tokenization.SharedData.Fixture("stories260K"));
        ChatFormat chat = new("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}", "bare", new());
        string path = _files.Write("data.jsonl", Line("once upon a time", "there was a dog."));
        using PackedData data = PackedData.Open(Chat(path), tokenizer, chat, _files.Cache);
        PackedBatch batch = data.Next(1, 200);
        string learned = tokenizer.Decode([.. batch.Targets.ToArray().Where(target => target >= 0)]);
        // The space before "there" is the template's and belongs to the token of the word's start, which is then not the assistant's.
        Assert.EndsWith("was a dog.\n", learned, StringComparison.Ordinal);
        Assert.DoesNotContain("assistant", learned, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}", "none of the 1 messages is the assistant's, expected one or more")]
    [InlineData("{\"messages\": 5}", "'messages' is a number, expected an array")]
    [InlineData("{\"text\": \"a\"}", "'messages' is nothing, expected an array")]
    [InlineData("{\"messages\": [5]}", "message 1 is a number, expected an object")]
    [InlineData("{\"messages\": [{\"content\": \"a\"}]}", "found 'content', expected a member 'role'")]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": 5}]}", "the content of message 1 is a number, expected a string")]
    public void Lines_that_are_no_conversation_are_named(string line, string problem)
    {
        string path = _files.Write("data.jsonl", Line("a", "b") + "\n" + line);
        DataException e = Assert.Throws<DataException>(() => _files.Open(new DataSource { Path = path, Format = SourceFormat.Chat }));
        Assert.Equal($"{path}, line 2: {problem}.", e.Message);
    }

    [Fact]
    public void A_template_that_refuses_a_conversation_is_named_with_the_line()
    {
        ChatFormat chat = new("{{ raise_exception('no system here') }}", "strict", new());
        string path = _files.Write("data.jsonl", Line("a", "b"));
        DataException e = Assert.Throws<DataException>(() => PackedData.Open(Chat(path), _files.Tokenizer, chat, _files.Cache));
        Assert.Equal(1, e.Line);
        Assert.Contains("no system here", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<DataException>(() => PackedData.Open(Chat(path), _files.Tokenizer, null, _files.Cache));
        Assert.Contains("no chat template", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void R1_s_template_which_hides_where_the_answer_starts_is_refused_with_the_line()
    {
        string source = File.ReadAllText(
            Path.Combine(AppContext.BaseDirectory, "Fixtures", "templates", "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja"));
        ChatFormat chat = new(source, "R1", new() { BosToken = TextData.Start, EosToken = TextData.End });
        string path = _files.Write("data.jsonl", Line("a", "<think>hm</think>b"));
        DataException e = Assert.Throws<DataException>(() => PackedData.Open(Chat(path), _files.Tokenizer, chat, _files.Cache));
        Assert.StartsWith($"{path}, line 1: the chat template can't write the conversation: R1", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void All_answers_of_GSM8K_are_learned_and_nothing_else()
    {
        string path = Tokenization.SharedData.Require("gsm8k/test.jsonl");
        Tokenizer tokenizer = Tokenizer.Load(Tokenization.SharedData.Require("tokenizer-minimind"));
        DataOptions options = new() { Sources = [new() { Path = path, QuestionField = "question", AnswerField = "answer" }] };
        using PackedData data = PackedData.Open(options, tokenizer, _files.Chat, _files.Cache);
        List<string> learned = [];
        while (data.EpochsDone == 0)
        {
            PackedBatch batch = data.Next(16, 2048);
            foreach (Hadal.Autograd.SequenceRows rows in batch.Tokens.Sequences)
            {
                learned.Add(tokenizer.Decode([.. batch.Targets.Slice(rows.Start, rows.Count).ToArray().Where(target => target >= 0)]));
            }
        }

        Assert.Equal(0, data.TruncatedConversations);
        IEnumerable<string> expected = File.ReadLines(path).Select(line =>
            JsonDocument.Parse(line).RootElement.GetProperty("answer").GetString() + "<|im_end|>\n");
        Assert.Equal(expected.Order(StringComparer.Ordinal), learned.Order(StringComparer.Ordinal));
    }

    private static string Line(string question, string answer) => JsonSerializer.Serialize(new
    {
        messages = new[] { new { role = "user", content = question }, new { role = "assistant", content = answer } },
    });

    private static DataOptions Chat(string path) => new() { Sources = [new() { Path = path, Format = SourceFormat.Chat }] };

    private PackedBatch Read(string line)
    {
        using PackedData data = _files.Open(new DataSource { Path = _files.Write("data.jsonl", line), Format = SourceFormat.Chat });
        return data.Next(1, 1000);
    }
}
