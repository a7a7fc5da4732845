using System.Text.Json;
using Hadal.Server.Tests.Testing;

namespace Hadal.Server.Tests;

public sealed class CompletionTests(SharedServer shared) : IClassFixture<SharedServer>
{
    [Fact]
    public async Task A_prompt_is_continued_as_it_is()
    {
        JsonElement answer = await PostAsync("""{"model": "scripted", "prompt": "Hello", "temperature": 0}""");
        Assert.Equal("text_completion", answer.GetProperty("object").GetString());
        JsonElement choice = Assert.Single(answer.GetProperty("choices").EnumerateArray());
        Assert.Equal(" there, friend.", choice.GetProperty("text").GetString());
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
        Assert.Equal((1, 4, 5), Usage(answer));
    }

    [Fact]
    public async Task Sixteen_tokens_are_drawn_where_nothing_is_said_and_the_prompt_can_be_echoed()
    {
        JsonElement answer = await PostAsync("""{"prompt": "la ", "echo": true}""");
        Assert.Equal(string.Concat(Enumerable.Repeat("la ", 17)), answer.GetProperty("choices")[0].GetProperty("text").GetString());
        Assert.Equal("length", answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task Several_prompts_of_texts_or_ids_give_choices_in_their_order()
    {
        int la = shared.Server.Model.Engine.Tokenizer.TokenToId("la ")!.Value, hello = shared.Server.Model.Engine.Tokenizer.TokenToId("Hello")!.Value;
        string[] expected = [" there, friend.", " there, friend.", "la la la la la ", "la la la la la "];
        Assert.Equal(expected, Texts(await PostAsync("""{"prompt": ["Hello", "la "], "n": 2, "max_tokens": 5}""")));
        Assert.Equal(expected, Texts(await PostAsync($$"""{"prompt": [[{{hello}}], [{{la}}]], "n": 2, "max_tokens": 5}""")));
        Assert.Equal(expected[..1], Texts(await PostAsync($$"""{"prompt": [{{la}}, {{hello}}], "max_tokens": 5}""")));
        Assert.Equal((2, 18, 20), Usage(await PostAsync("""{"prompt": ["Hello", "la "], "n": 2, "max_tokens": 5}""")));
    }

    [Fact]
    public async Task A_stream_says_the_same_as_the_whole_with_usage_at_its_end()
    {
        Answer answer = await shared.Server.PostAsync(
            "/v1/completions", """{"prompt": ["Hello", "la "], "n": 2, "max_tokens": 5, "stream": true, "stream_options": {"include_usage": true}}""");
        Assert.Equal("text/event-stream", answer.ContentType);
        string[] texts = ["", "", "", ""], ends = new string[4];
        foreach (JsonElement choice in answer.Events.SelectMany(e => e.GetProperty("choices").EnumerateArray()))
        {
            int index = choice.GetProperty("index").GetInt32();
            texts[index] += choice.GetProperty("text").GetString();
            ends[index] ??= choice.GetProperty("finish_reason").GetString()!;
        }

        Assert.Equal([" there, friend.", " there, friend.", "la la la la la ", "la la la la la "], texts);
        Assert.Equal(["stop", "stop", "length", "length"], ends);
        Assert.Equal((2, 18, 20), Usage(answer.Events[^1]));
    }

    [Fact]
    public async Task Log_probabilities_stand_side_by_side_with_tokens_and_offsets()
    {
        JsonElement choice = (await PostAsync("""{"prompt": "Hello", "logprobs": 2, "temperature": 0}""")).GetProperty("choices")[0];
        JsonElement scores = choice.GetProperty("logprobs");
        string[] tokens = [.. scores.GetProperty("tokens").EnumerateArray().Select(t => t.GetString()!)];
        Assert.Equal([" there", ",", " friend", "."], tokens);
        Assert.Equal([0, 6, 7, 14], scores.GetProperty("text_offset").EnumerateArray().Select(o => o.GetInt32()));
        Assert.All(scores.GetProperty("token_logprobs").EnumerateArray(), p => Assert.InRange(p.GetDouble(), -1e-6, 0));
        foreach ((JsonElement top, string token) in scores.GetProperty("top_logprobs").EnumerateArray().Zip(tokens))
        {
            Assert.True(top.TryGetProperty(token, out _), $"{top} has no '{token}'");
            Assert.Equal(2, top.EnumerateObject().Count());
        }
    }

    [Fact]
    public async Task Special_tokens_in_a_prompt_are_text_unless_the_server_is_told_otherwise()
    {
        int asText = Usage(await PostAsync("""{"prompt": "<|assistant|>"}""")).Prompt;
        Assert.Equal("<|assistant|>".Length, asText);
        await using RunningServer trusting = await RunningServer.StartAsync(options => options.ParsesSpecialTokens = true);
        Answer answer = await trusting.PostAsync("/v1/completions", """{"prompt": "<|assistant|>", "temperature": 0}""");
        Assert.Equal(["Hello there, friend."], Texts(answer.Json));
        Assert.Equal(1, Usage(answer.Json).Prompt);
    }

    [Fact]
    public async Task A_prompt_that_was_seen_before_is_found_in_the_cache()
    {
        string body = $$"""{"prompt": "{{string.Concat(Enumerable.Repeat("once upon a time ", 40))}}", "max_tokens": 1, "temperature": 0}""";
        int first = Cached(await PostAsync(body)), second = Cached(await PostAsync(body));
        Assert.Equal(0, first);
        Assert.InRange(second, 40 * 16, 40 * 17);

        static int Cached(JsonElement answer) => answer.GetProperty("usage").GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32();
    }

    [Fact]
    public async Task A_logit_bias_keeps_a_token_from_being_drawn()
    {
        int there = shared.Server.Model.Engine.Tokenizer.TokenToId(" there")!.Value;
        JsonElement answer = await PostAsync($$$"""{"prompt": "Hello", "temperature": 0, "max_tokens": 1, "logit_bias": {"{{{there}}}": -100}}""");
        Assert.NotEqual(" there", answer.GetProperty("choices")[0].GetProperty("text").GetString());
    }

    private static string[] Texts(JsonElement answer) => [.. answer.GetProperty("choices").EnumerateArray().Select(c => c.GetProperty("text").GetString()!)];

    private static (int Prompt, int Completion, int Total) Usage(JsonElement answer)
    {
        JsonElement usage = answer.GetProperty("usage");
        return (usage.GetProperty("prompt_tokens").GetInt32(), usage.GetProperty("completion_tokens").GetInt32(), usage.GetProperty("total_tokens").GetInt32());
    }

    private async Task<JsonElement> PostAsync(string body)
    {
        Answer answer = await shared.Server.PostAsync("/v1/completions", body);
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json;
    }
}
