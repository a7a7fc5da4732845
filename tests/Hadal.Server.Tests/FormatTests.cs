using System.Text.Json;
using Hadal.Server.Tests.Testing;
using OpenAI.Chat;

namespace Hadal.Server.Tests;

/// <summary>A model that says whatever it says, held to JSON.</summary>
public sealed class FormatTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Schema =
        """
        {"type": "object", "properties": {"sunny": {"type": "boolean"}, "wind": {"enum": ["none", "some", "storm"]}, "days": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2}},
         "required": ["sunny", "wind", "days"], "additionalProperties": false}
        """;

    [Fact]
    public async Task The_official_client_gets_JSON_of_its_schema()
    {
        ChatClient client = shared.Server.OpenAI().GetChatClient(ScriptedModel.ModelId);
        ChatCompletionOptions options = new()
        {
            ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("weather", BinaryData.FromString(Schema), jsonSchemaIsStrict: true),
            MaxOutputTokenCount = 2000,
        };
        for (int i = 0; i < 5; i++)
        {
            ChatCompletion answer = await client.CompleteChatAsync([new UserChatMessage("Weather?")], options);
            Assert.Equal(ChatFinishReason.Stop, answer.FinishReason);
            JsonElement json = JsonElement.Parse(answer.Content[0].Text);
            Assert.Equal(["sunny", "wind", "days"], json.EnumerateObject().Select(member => member.Name));
            Assert.True(json.GetProperty("sunny").ValueKind is JsonValueKind.True or JsonValueKind.False);
            Assert.Contains(json.GetProperty("wind").GetString(), (string[])["none", "some", "storm"]);
            Assert.Equal(2, json.GetProperty("days").GetArrayLength());
        }
    }

    [Fact]
    public async Task Four_streamed_samples_keep_to_the_schema_too()
    {
        Answer answer = await shared.Server.PostAsync(
            "/v1/chat/completions",
            """{"messages": [{"role": "user", "content": "x"}], "n": 4, "seed": 2, "stream": true, "response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": """ + Schema + "}}}");
        string[] texts = ["", "", "", ""];
        foreach (JsonElement choice in answer.Events.SelectMany(e => e.GetProperty("choices").EnumerateArray()))
        {
            if (choice.GetProperty("delta").TryGetProperty("content", out JsonElement text)) texts[choice.GetProperty("index").GetInt32()] += text.GetString();
        }

        Assert.All(texts, text => Assert.Equal(3, JsonElement.Parse(text).EnumerateObject().Count()));
    }

    [Fact]
    public async Task Any_JSON_object_begins_and_goes_on_as_one()
    {
        // What a model without aim writes need not end, but what it has written is the beginning of an object.
        Answer answer = await shared.Server.PostAsync(
            "/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "seed": 2, "max_tokens": 200, "response_format": {"type": "json_object"}}""");
        Assert.True(answer.Status == 200, answer.Text);
        string text = answer.Json.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
        Assert.StartsWith("{", text.TrimStart(), StringComparison.Ordinal);
        Utf8JsonReader reader = new(System.Text.Encoding.UTF8.GetBytes(text.TrimEnd('\uFFFD')), isFinalBlock: false, default);
        while (reader.Read())
        {
        }
    }

    [Fact]
    public async Task A_schema_that_can_not_be_followed_is_refused_with_its_place()
    {
        Answer answer = await shared.Server.PostAsync(
            "/v1/chat/completions",
            """{"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object", "properties": {"a": {"type": "king"}}}}}}""");
        Assert.Equal((400, "response_format"), (answer.Status, answer.Error.GetProperty("param").GetString()));
        Assert.Contains("#/properties/a", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tool_that_has_to_be_called_is_called_with_arguments_of_its_schema()
    {
        ChatClient client = shared.Server.OpenAI().GetChatClient(ScriptedModel.ModelId);
        ChatTool tool = ChatTool.CreateFunctionTool("set_light", "Light.", BinaryData.FromString(
            """{"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"], "additionalProperties": false}"""));
        ChatCompletionOptions options = new() { Tools = { tool }, ToolChoice = ChatToolChoice.CreateFunctionChoice("set_light"), MaxOutputTokenCount = 1000 };
        ChatCompletion answer = await client.CompleteChatAsync([new UserChatMessage("Hi.")], options);
        ChatToolCall call = Assert.Single(answer.ToolCalls);
        Assert.Equal("set_light", call.FunctionName);
        Assert.True(JsonElement.Parse(call.FunctionArguments).GetProperty("on").ValueKind is JsonValueKind.True or JsonValueKind.False);
    }
}
