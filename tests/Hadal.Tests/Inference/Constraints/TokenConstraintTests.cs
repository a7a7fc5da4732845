using System.Text;
using System.Text.Json;
using Hadal.Inference;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Tokenization;
using Hadal.Tokenization;
using Hadal.Tokenization.Training;

namespace Hadal.Tests.Inference.Constraints;

public sealed class TokenConstraintTests
{
    private const string Anything = """{"a": [1, -0.5e+3, {"b": null, "c": "\"\\ \u00e9 \ud83d\ude00 你好"}], "": {}, "d": [true, false, []]}""";

    [Fact]
    public void Whatever_is_drawn_is_a_json_object()
    {
        TokenConstraint constraint = TokenConstraint.Json(Vocabularies.Mixed, [Vocabularies.End]);
        int complete = 0;
        for (int seed = 0; seed < 60; seed++)
        {
            if (Vocabularies.Draw(constraint, Vocabularies.Mixed, Vocabularies.End, seed, limit: 400) is not { } text) continue;
            complete++;
            using JsonDocument document = JsonDocument.Parse(text);
            Assert.Equal(JsonValueKind.Object, document.RootElement.ValueKind);
            ReadAllStrings(document.RootElement);
        }

        Assert.InRange(complete, 45, 60);
    }

    [Fact]
    public void A_small_real_vocabulary_writes_json_too()
    {
        TokenConstraint constraint = TokenConstraint.Json(Vocabularies.Stories);
        int complete = 0;
        for (int seed = 0; seed < 30; seed++)
        {
            if (Vocabularies.Draw(constraint, Vocabularies.Stories, Vocabularies.Stories.EosIds[0], seed, limit: 400) is not { } text) continue;
            complete++;
            JsonDocument.Parse(text).Dispose();
        }

        Assert.InRange(complete, 20, 30);
    }

    [Theory]
    [InlineData(Anything)]
    [InlineData("{}")]
    [InlineData("{ }")]
    [InlineData("\n\n{\n  \"a\": [\n    1,\n    2\n  ]\n}")]
    public void An_object_is_let_through_however_it_is_cut_into_tokens(string text)
    {
        TokenConstraint constraint = TokenConstraint.Json(Vocabularies.Mixed, [Vocabularies.End]);
        Random random = new(1);
        for (int trial = 0; trial < 20; trial++)
        {
            ConstraintState state = constraint.Start;
            foreach (int token in Vocabularies.RandomTokens(Vocabularies.Mixed, Encoding.UTF8.GetBytes(text), random))
            {
                Assert.True(state.Mask[token]);
                Assert.False(state.Mask[Vocabularies.End]);
                state = state.Next(token)!;
            }

            Assert.True(state.IsFulfilled);
            Assert.True(state.Mask[Vocabularies.End]);
            Assert.Equal(1, state.Mask.Count);
        }
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("1")]
    [InlineData("{} ")]
    [InlineData("{}{")]
    [InlineData("{,}")]
    [InlineData("{\"a\"}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{\"a\":01}")]
    [InlineData("{\"a\":1.}")]
    [InlineData("{\"a\":.5}")]
    [InlineData("{\"a\":+1}")]
    [InlineData("{\"a\":1e}")]
    [InlineData("{\"a\":tru}")]
    [InlineData("{\"a\":\"\\x\"}")]
    [InlineData("{\"a\":\"\\ud800\"}")]
    [InlineData("{\"a\":\"\\udc00\"}")]
    [InlineData("{\"a\":\"\\ud800\\u0041\"}")]
    [InlineData("{\"a\":\"\n\"}")]
    [InlineData("{a:1}")]
    [InlineData("{'a':1}")]
    [InlineData("{\"a\":[1,]}")]
    [InlineData("{\"a\":[1}")]
    [InlineData("{\"a\":1")]
    [InlineData("{                   }")]
    [InlineData("\n\n\n{}")]
    public void What_is_no_object_or_runs_on_in_blanks_is_not(string text) =>
        Assert.False(Vocabularies.Accepts(TokenConstraint.Json(Vocabularies.Mixed), text));

    [Fact]
    public void Nesting_ends_where_readers_of_json_give_up()
    {
        TokenConstraint constraint = TokenConstraint.Json(Vocabularies.Mixed);
        string Nested(int depth) => "{\"a\":" + new string('[', depth - 1) + new string(']', depth - 1) + "}";
        JsonDocument.Parse(Nested(64)).Dispose();
        Assert.ThrowsAny<JsonException>(() => JsonDocument.Parse(Nested(65)));
        Assert.True(Vocabularies.Accepts(constraint, Nested(64)));
        Assert.False(Vocabularies.Accepts(constraint, Nested(65)));
    }

    [Fact]
    public void Bytes_that_are_no_text_cannot_come_and_characters_may_be_cut()
    {
        TokenConstraint constraint = TokenConstraint.Json(Vocabularies.Mixed);
        ConstraintState state = constraint.Start;
        foreach (byte value in "{\""u8) state = state.Step(value)!;
        foreach (byte[] bad in (byte[][])[[0x80], [0xC0, 0x80], [0xC1], [0xED, 0xA0], [0xF4, 0x90], [0xF5], [0xFF], [0xE0, 0x9F], [0x1F], [0xE4, 0xBD, (byte)'"']])
        {
            ConstraintState? after = state;
            foreach (byte value in bad) after = after?.Step(value);
            Assert.Null(after);
        }

        // 你 = E4 BD A0, 好 = E5 A5 BD: a token ends within each.
        int first = Id([0xE4, 0xBD]), second = Id([0xA0, 0xE5]);
        ConstraintState? middle = state.Next(first)!.Next(second);
        Assert.NotNull(middle);
        Assert.False(middle.Mask[Id([(byte)'"'])]);
        Assert.True(middle.Mask[Id([0xA5])]);
    }

    public static TheoryData<string, string> Vocabulary => new()
    {
        { "mixed", "{\"name\": [\"a\\\"b\", 12, -0.5e+1, {\"你好\": \"😀\"}], \"x\": true}" },
        { "stories", "{\"little\": [\"girl\", 1]}" },
    };

    [Theory]
    [MemberData(nameof(Vocabulary))]
    public void Masks_are_those_of_trying_every_token(string name, string text)
    {
        Tokenizer tokenizer = name == "mixed" ? Vocabularies.Mixed : Vocabularies.Stories;
        TokenConstraint constraint = TokenConstraint.Json(tokenizer, [tokenizer.VocabSize - 1]);
        foreach (TokenConstraint tested in (TokenConstraint[])[constraint, constraint.After("</think>")])
        {
            ConstraintState? state = tested.Start;
            foreach (byte value in Encoding.UTF8.GetBytes(tested == constraint ? text : "hm </thi</think>" + text))
            {
                AssertMask(state, tokenizer);
                state = state.Step(value);
                Assert.NotNull(state);
            }

            AssertMask(state, tokenizer);
        }
    }

    [SkippableFact]
    public void Masks_of_a_large_vocabulary_are_those_of_trying_every_token()
    {
        Tokenizer tokenizer = SharedData.DeepSeek();
        ConstraintState? state = TokenConstraint.Json(tokenizer).Start;
        foreach (byte value in "{\"a\": [\"é\\n\", 12"u8)
        {
            if (value is (byte)'{' or (byte)'a' or (byte)'1' or (byte)'\\' or 0xC3) AssertMask(state, tokenizer);
            state = state.Step(value)!;
        }

        AssertMask(state, tokenizer);
    }

    [Fact]
    public void A_constraint_may_begin_behind_a_marker()
    {
        TokenConstraint constraint = TokenConstraint.Json(Vocabularies.Mixed, [Vocabularies.End]).After("</think>");
        Assert.True(Vocabularies.Accepts(constraint, "Well, {\"x\" </th <</think>{}"));
        Assert.True(Vocabularies.Accepts(constraint, "</think>\n\n{\"a\": 1}"));
        Assert.False(Vocabularies.Accepts(constraint, "{}"));
        Assert.False(Vocabularies.Accepts(constraint, "</think> well {}"));
        Assert.True(constraint.Start.Mask[Id("</think>")]);
        Assert.False(constraint.Start.Mask[Vocabularies.End]);

        // A token that crosses the marker's end counts with what it says behind it.
        ConstraintState state = constraint.Start;
        foreach (byte value in "</thin"u8) state = state.Step(value)!;
        Assert.True(state.Mask[Id("k>{")]);
        Assert.Null(state.Next(Id("k>{"))!.Next(Id("12")));
        int complete = 0;
        for (int seed = 0; seed < 30; seed++)
        {
            if (Vocabularies.Draw(constraint, Vocabularies.Mixed, Vocabularies.End, seed, limit: 600) is not { } text) continue;
            complete++;
            JsonDocument.Parse(text[(text.IndexOf("</think>", StringComparison.Ordinal) + 8)..]).Dispose();
        }

        Assert.InRange(complete, 15, 30);
    }

    [Fact]
    public void Special_tokens_come_before_the_marker_and_as_the_marker_but_not_in_the_text()
    {
        using TemporaryFolder folder = new(inMemory: true);
        BpeTrainer.Bytes("</think>", "<|end|>").Write(folder.At("tokenizer"));
        Tokenizer tokenizer = Tokenizer.Load(folder.At("tokenizer"));
        int marker = tokenizer.TokenToId("</think>")!.Value, end = tokenizer.TokenToId("<|end|>")!.Value;
        TokenConstraint constraint = TokenConstraint.Json(tokenizer, []), thoughtful = constraint.After("</think>");
        Assert.False(constraint.Start.Mask[marker]);
        Assert.True(thoughtful.Start.Mask[marker]);
        Assert.True(thoughtful.Start.Mask[end]);
        ConstraintState after = thoughtful.Start.Next(end)!.Next(marker)!;
        Assert.False(after.Mask[marker]);
        Assert.False(after.Mask[end]);
        Assert.True(after.Mask[tokenizer.EncodeBytes("{"u8)[0]]);
        AssertMask(after, tokenizer);
        AssertMask(thoughtful.Start, tokenizer);
    }

    [Fact]
    public void A_sampler_can_go_back_under_a_constraint()
    {
        TokenConstraint constraint = TokenConstraint.Json(Vocabularies.Mixed, [Vocabularies.End]);
        Random random = new(1);
        Sampler straight = new(new SamplingOptions { Seed = 2 }, constraint), wavering = new(new SamplingOptions { Seed = 2 }, constraint);
        float[] logits = new float[Vocabularies.Mixed.VocabSize];
        for (int i = 0; i < 60 && !straight.IsFulfilled; i++)
        {
            int astray = random.Next(4), observed = wavering.Observed;
            for (int j = 0; j < astray && !wavering.IsFulfilled; j++)
            {
                Fill();
                wavering.Observe(wavering.Next(logits));
            }

            wavering.Rewind(observed);
            Fill();
            int token = straight.Next(logits);
            Assert.Equal(token, wavering.Next(logits));
            straight.Observe(token);
            wavering.Observe(token);
        }

        Assert.Throws<ArgumentException>(() => new Sampler(new SamplingOptions(), constraint).Observe(Id("}}")));

        void Fill()
        {
            for (int i = 0; i < logits.Length; i++) logits[i] = 3 * random.NextSingle() + (Vocabularies.Mixed.IdToBytes(i).Contains((byte)'}') ? -3 : 0);
        }
    }

    [Fact]
    public void A_vocabulary_that_cannot_say_it_is_told_so()
    {
        using TemporaryFolder folder = new(inMemory: true);
        File.WriteAllText(folder.At("tokenizer.json"), SmallFiles.Json); // h, e, l, o and the like
        Sampler sampler = new(new SamplingOptions(), TokenConstraint.Json(Tokenizer.Load(folder.At("tokenizer.json"))));
        Assert.Contains("no token", Assert.Throws<InvalidOperationException>(() => sampler.Next(new float[9])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Threads_share_a_constraint()
    {
        TokenConstraint constraint = TokenConstraint.Json(Vocabularies.Mixed, [Vocabularies.End]);
        string?[] Alone() => [.. Enumerable.Range(0, 12).Select(seed => Vocabularies.Draw(TokenConstraint.Json(Vocabularies.Mixed, [Vocabularies.End]), Vocabularies.Mixed, Vocabularies.End, seed, 100))];
        string?[] together = await Task.WhenAll(Enumerable.Range(0, 12).Select(seed => Task.Run(() => Vocabularies.Draw(constraint, Vocabularies.Mixed, Vocabularies.End, seed, 100))));
        Assert.Equal(Alone(), together);
    }

    [Fact]
    public void What_is_remembered_is_bounded_and_forgetting_changes_nothing()
    {
        using JsonDocument schema = JsonDocument.Parse("""{"type": "string", "maxLength": 100000}""");
        TokenConstraint constraint = TokenConstraint.JsonSchema(Vocabularies.Mixed, schema.RootElement, [Vocabularies.End]);
        ConstraintState state = constraint.Start.Step((byte)'"')!;
        for (int i = 0; i < 20_000; i++)
        {
            state = state.Step((byte)"abcdefg"[i % 7])!;
            if (i % 50 == 0) Assert.True(state.Mask[Id("abc")]);
        }

        AssertMask(state, Vocabularies.Mixed);
        Assert.True(Vocabularies.Accepts(constraint, "\"" + new string('x', 100_000) + "\""));
        Assert.False(Vocabularies.Accepts(constraint, "\"" + new string('x', 100_001) + "\""));
    }

    private static int Id(string text) => Id(Encoding.UTF8.GetBytes(text));

    private static int Id(byte[] bytes) =>
        Enumerable.Range(0, Vocabularies.Mixed.VocabSize).First(id => Vocabularies.Mixed.IdToBytes(id).SequenceEqual(bytes));

    private static void AssertMask(ConstraintState state, Tokenizer tokenizer)
    {
        TokenMask mask = state.Mask;
        for (int token = 0; token < tokenizer.VocabSize; token++)
        {
            Assert.True(mask[token] == state.Next(token) is not null, $"token {token}, {tokenizer.IdToToken(token)}, is {(mask[token] ? "" : "not ")}in the mask");
        }

        Assert.False(mask[tokenizer.VocabSize]);
    }

    private static void ReadAllStrings(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String) Assert.NotNull(value.GetString());
        else if (value.ValueKind == JsonValueKind.Number) Assert.True(double.IsFinite(value.GetDouble()));
        else if (value.ValueKind == JsonValueKind.Array) foreach (JsonElement item in value.EnumerateArray()) ReadAllStrings(item);
        else if (value.ValueKind == JsonValueKind.Object) foreach (JsonProperty member in value.EnumerateObject()) ReadAllStrings(member.Value);
    }
}
