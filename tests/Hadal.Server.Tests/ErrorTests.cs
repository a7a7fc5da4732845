using System.Net.Http.Headers;
using System.Text;
using Hadal.Server.Tests.Testing;

namespace Hadal.Server.Tests;

public sealed class ErrorTests(SharedServer shared) : IClassFixture<SharedServer>
{
    [Theory]
    [InlineData("\"temperature\": -1", "temperature")]
    [InlineData("\"temperature\": 2.5", "temperature")]
    [InlineData("\"temperature\": 1e999", "temperature")]
    [InlineData("\"temperature\": \"hot\"", "temperature")]
    [InlineData("\"top_p\": 1.5", "top_p")]
    [InlineData("\"top_k\": -2", "top_k")]
    [InlineData("\"min_p\": 2", "min_p")]
    [InlineData("\"presence_penalty\": 3", "presence_penalty")]
    [InlineData("\"frequency_penalty\": -3", "frequency_penalty")]
    [InlineData("\"repetition_penalty\": 0", "repetition_penalty")]
    [InlineData("\"logit_bias\": {\"x\": 1}", "logit_bias")]
    [InlineData("\"logit_bias\": {\"999999\": 1}", "logit_bias")]
    [InlineData("\"logit_bias\": {\"1\": 101}", "logit_bias")]
    [InlineData("\"n\": 0", "n")]
    [InlineData("\"n\": 17", "n")]
    [InlineData("\"n\": 1.5", "n")]
    [InlineData("\"stop\": 5", "stop")]
    [InlineData("\"stop\": [\"\"]", "stop")]
    [InlineData("\"stop\": [1]", "stop")]
    [InlineData("\"stop\": \"\\ud800\"", "stop")]
    [InlineData("\"max_tokens\": 0", "max_tokens")]
    [InlineData("\"max_completion_tokens\": -4", "max_completion_tokens")]
    [InlineData("\"max_tokens\": 3, \"max_completion_tokens\": 4", "max_tokens")]
    [InlineData("\"top_logprobs\": 3", "top_logprobs")]
    [InlineData("\"logprobs\": true, \"top_logprobs\": 21", "top_logprobs")]
    [InlineData("\"response_format\": {\"type\": \"xml\"}", "response_format.type")]
    [InlineData("\"response_format\": {\"type\": \"json_schema\"}", "response_format.json_schema.schema")]
    [InlineData("\"tools\": [{}]", "tools[0]")]
    [InlineData("\"tools\": [{\"type\": \"function\", \"function\": {}}]", "tools[0]")]
    [InlineData("\"tool_choice\": \"auto\"", "tool_choice")]
    [InlineData("\"tool_choice\": 7, \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\"}}]", "tool_choice")]
    [InlineData("\"stream_options\": {\"include_usage\": true}", "stream_options")]
    [InlineData("\"modalities\": [\"audio\"]", "modalities")]
    [InlineData("\"chat_template_kwargs\": 3", "chat_template_kwargs")]
    [InlineData("\"chat_template_kwargs\": {\"messages\": []}", "chat_template_kwargs")]
    [InlineData("\"max_token\": 3", "max_token")]
    [InlineData("\"stream\": true, \"stream\": false", "stream")]
    public async Task A_bad_value_is_refused_by_name(string member, string param)
    {
        Answer answer = await shared.Server.PostAsync("/v1/chat/completions", $$"""{"messages": [{"role": "user", "content": "Hi."}], {{member}}}""");
        Assert.True(answer.Status == 400, answer.Text);
        Assert.Equal(param, answer.Error.GetProperty("param").GetString());
        Assert.Equal("invalid_request_error", answer.Error.GetProperty("type").GetString());
        Assert.DoesNotContain("System.", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "messages")]
    [InlineData("null", "messages")]
    [InlineData("\"hello\"", "messages")]
    [InlineData("[null]", "messages[0]")]
    [InlineData("[{\"content\": \"x\"}]", "messages[0].role")]
    [InlineData("[{\"role\": \"king\", \"content\": \"x\"}]", "messages[0].role")]
    [InlineData("[{\"role\": \"user\"}]", "messages[0].content")]
    [InlineData("[{\"role\": \"user\", \"content\": 5}]", "messages[0].content")]
    [InlineData("[{\"role\": \"user\", \"content\": \"\\udc00\"}]", "messages[0].content")]
    [InlineData("[{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]", "messages[0].content[0].type")]
    [InlineData("[{\"role\": \"user\", \"content\": [{\"type\": \"text\"}]}]", "messages[0].content[0].text")]
    [InlineData("[{\"role\": \"tool\", \"content\": \"x\"}]", "messages[0].tool_call_id")]
    [InlineData("[{\"role\": \"user\", \"content\": \"x\", \"tool_calls\": [{}]}]", "messages[0].tool_calls")]
    [InlineData("[{\"role\": \"assistant\", \"tool_calls\": [{}]}]", "messages[0].tool_calls")]
    [InlineData("[{\"role\": \"assistant\", \"content\": \"x\", \"audio\": {\"id\": \"1\"}}]", "messages[0].audio")]
    [InlineData("[{\"role\": \"user\", \"content\": \"forbidden\"}]", "messages")]
    public async Task A_bad_message_is_refused_by_its_place(string messages, string param)
    {
        Answer answer = await shared.Server.PostAsync("/v1/chat/completions", $$"""{"messages": {{messages}}}""");
        Assert.True(answer.Status == 400, answer.Text);
        Assert.Equal(param, answer.Error.GetProperty("param").GetString());
    }

    [Theory]
    [InlineData("\"suffix\": \"end\"", "suffix")]
    [InlineData("\"best_of\": 3", "best_of")]
    [InlineData("\"echo\": true, \"logprobs\": 1", "echo")]
    [InlineData("\"logprobs\": 21", "logprobs")]
    [InlineData("\"max_tokens\": 0", "max_tokens")]
    [InlineData("\"messages\": []", "messages")]
    public async Task What_completions_do_not_support_is_said(string member, string param)
    {
        Answer answer = await shared.Server.PostAsync("/v1/completions", $$"""{"prompt": "x", {{member}}}""");
        Assert.Equal((400, param), (answer.Status, answer.Error.GetProperty("param").GetString()));
    }

    [Theory]
    [InlineData("\"\"")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("true")]
    [InlineData("[[1], \"x\", 3]")]
    [InlineData("[1.5]")]
    [InlineData("[123456789]")]
    [InlineData("null")]
    public async Task A_bad_prompt_is_refused(string prompt)
    {
        Answer answer = await shared.Server.PostAsync("/v1/completions", $$"""{"prompt": {{prompt}}}""");
        Assert.Equal((400, "prompt"), (answer.Status, answer.Error.GetProperty("param").GetString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("{\"prompt\": \"x\",}")]
    [InlineData("{\"prompt\": \"x\" /* why */}")]
    [InlineData("nonsense")]
    public async Task A_body_that_is_no_JSON_object_is_told_so(string body)
    {
        Answer answer = await shared.Server.PostAsync("/v1/completions", body);
        Assert.Equal(400, answer.Status);
        Assert.Equal(System.Text.Json.JsonValueKind.Null, answer.Error.GetProperty("param").ValueKind);
    }

    [Fact]
    public async Task Nesting_without_end_is_refused()
    {
        string deep = string.Concat(Enumerable.Repeat("{\"a\":", 100_000));
        Assert.Equal(400, (await shared.Server.PostAsync("/v1/chat/completions", deep)).Status);
        Assert.Equal(400, (await shared.Server.PostAsync("/v1/chat/completions", $$"""{"messages": [{"role": "user", "content": "x", "more": {{new string('[', 5000)}}""")).Status);
    }

    [Fact]
    public async Task A_prompt_longer_than_the_context_is_told_so()
    {
        string text = string.Concat(Enumerable.Repeat("q", 5000));
        Answer completion = await shared.Server.PostAsync("/v1/completions", $$"""{"prompt": "{{text}}"}""");
        Assert.Equal((400, "context_length_exceeded"), (completion.Status, completion.Error.GetProperty("code").GetString()));
        Answer chat = await shared.Server.PostAsync("/v1/chat/completions", $$"""{"messages": [{"role": "user", "content": "{{text}}"}]}""");
        Assert.Equal((400, "context_length_exceeded"), (chat.Status, chat.Error.GetProperty("code").GetString()));
    }

    [Theory]
    [InlineData("text/plain", null)]
    [InlineData("application/x-www-form-urlencoded", null)]
    [InlineData("application/json", "gzip")]
    public async Task Other_kinds_of_bodies_are_refused(string type, string? encoding)
    {
        using ByteArrayContent content = new(Encoding.UTF8.GetBytes("""{"prompt": "x"}"""));
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        if (encoding is not null) content.Headers.ContentEncoding.Add(encoding);
        using HttpResponseMessage response = await shared.Server.Http.PostAsync(new Uri("/v1/completions", UriKind.Relative), content);
        Answer answer = await Answer.OfAsync(response);
        Assert.Equal(415, answer.Status);
        Assert.Equal("invalid_request_error", answer.Error.GetProperty("type").GetString());
    }
}
