using System.ComponentModel;
using Hadal.Inference;
using Hadal.Inference.Chat;
using Microsoft.Extensions.AI;

namespace Hadal.Tests.Inference.Chat;

public sealed class HadalChatClientTests
{
    private static readonly string[] s_markup = ChatModelTests.Markup;

    [Fact]
    public async Task The_whole_answer_is_what_the_updates_say_together()
    {
        using ScriptedModel model = new(ChatModelTests.ChatMl, s_markup, "<think>", "Let me", " see.", "</think>", "\n\n", "It is", " 42.");
        using HadalChatClient client = new(model.Chat, "deep-thought");
        ChatMessage[] messages = [new(ChatRole.System, "Be brief."), new(ChatRole.User, "Six times seven?")];
        List<ChatResponseUpdate> updates = await client.GetStreamingResponseAsync(messages).ToListAsync();
        Assert.True(updates.Count > 3);
        Assert.All(updates, update => Assert.Equal((updates[0].ResponseId, ChatRole.Assistant, "deep-thought"), (update.ResponseId, update.Role, update.ModelId)));
        Assert.All(updates[..^1], update => Assert.Null(update.FinishReason));
        Assert.Equal(ChatFinishReason.Stop, updates[^1].FinishReason);
        Assert.IsType<UsageContent>(Assert.Single(updates[^1].Contents));

        ChatResponse response = await client.GetResponseAsync(messages);
        Assert.Equal("It is 42.", response.Text);
        Assert.Equal(updates.ToChatResponse().Text, response.Text);
        Assert.Equal("Let me see.", Assert.Single(response.Messages).Contents.OfType<TextReasoningContent>().Single().Text);
        Assert.Equal((ChatFinishReason.Stop, "deep-thought"), (response.FinishReason, response.ModelId));
        Assert.Equal((7L, 4L), (response.Usage!.OutputTokenCount, response.Usage.ReasoningTokenCount));
        Assert.Equal(response.Usage.InputTokenCount + 7, response.Usage.TotalTokenCount);
    }

    [Fact]
    public async Task Options_count_and_stay_as_they_are()
    {
        using ScriptedModel model = new(ChatModelTests.ChatMl, s_markup, "one", " two", " three");
        using HadalChatClient client = new(model.Chat);
        ChatOptions options = new()
        {
            Instructions = "Count.",
            MaxOutputTokens = 2,
            Temperature = 0.5f,
            TopP = 0.9f,
            TopK = 5,
            PresencePenalty = 0.1f,
            FrequencyPenalty = 0.2f,
            Seed = 7,
            StopSequences = ["zzz"],
            Reasoning = new ReasoningOptions { Effort = ReasoningEffort.None },
            ToolMode = ChatToolMode.None,
        };
        string before = System.Text.Json.JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions);
        ChatResponse response = await client.GetResponseAsync("Go.", options);
        Assert.Equal(("one two", ChatFinishReason.Length), (response.Text, response.FinishReason));
        Assert.Equal(before, System.Text.Json.JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions));

        ChatRequest request = ChatRequests.Of([new(ChatRole.User, "Go.")], options, null);
        Assert.Equal(
            new SamplingOptions { Temperature = 0.5f, TopP = 0.9f, TopK = 5, PresencePenalty = 0.1f, FrequencyPenalty = 0.2f, Seed = 7 }, request.Sampling);
        Assert.Equal((2, ToolChoice.None), (request.MaxTokens!.Value, request.ToolChoice));
        Assert.Equal(["zzz"], request.StopStrings);
        Assert.Equal("Count.", request.Messages[0].Content);
        Assert.False(request.TemplateVariables!.Value.GetProperty("enable_thinking").GetBoolean());

        ChatRequest raw = new() { Messages = [], Sampling = new SamplingOptions { Temperature = 0, MinP = 0.1f }, Samples = 3 };
        ChatRequest from = ChatRequests.Of([new(ChatRole.User, "Go.")], new ChatOptions { Seed = 3 }, raw);
        Assert.Equal((raw.Sampling with { Seed = 3 }, 1, 1), (from.Sampling, from.Samples, from.Messages.Count));
    }

    [Fact]
    public async Task A_function_is_called_and_its_result_given_back()
    {
        using ScriptedModel model = new(
            ChatModelTests.Hermes, s_markup, "<tool_call>", "{\"name\": \"weather\", \"arguments\": {\"city\": \"Bern\", \"days\": 2}}", "</tool_call>");
        using HadalChatClient client = new(model.Chat);
        AIFunction weather = AIFunctionFactory.Create(Weather, "weather");
        ChatOptions options = new() { Tools = [weather] };
        List<ChatMessage> messages = [new(ChatRole.User, "Weather in Bern?")];
        ChatResponse response = await client.GetResponseAsync(messages, options);
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        FunctionCallContent call = Assert.Single(response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>());
        Assert.Equal("weather", call.Name);
        object? result = await weather.InvokeAsync(new AIFunctionArguments(call.Arguments));
        Assert.Equal("rain in Bern for 2 days", $"{result}");

        messages.AddRange(response.Messages);
        messages.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(call.CallId, result), new FunctionResultContent("other", new { Ok = true })]));
        string prompt = model.Chat.Prompt(ChatRequests.Of(messages, options, null)).Text;
        Assert.Contains("<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Bern\", \"days\": 2}}</tool_call>", prompt, StringComparison.Ordinal);
        Assert.Contains("<|im_start|>tool\nrain in Bern for 2 days<|im_end|>", prompt, StringComparison.Ordinal);
        Assert.Contains("<|im_start|>tool\n{\"ok\":true}<|im_end|>", prompt, StringComparison.Ordinal);
        Assert.Contains("Tells the weather.", prompt, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Thoughts_can_be_left_out_and_are_given_back_to_the_template()
    {
        using ScriptedModel model = new(ChatModelTests.ChatMl, s_markup, "<think>", "Hm.", "</think>", "Yes.");
        using HadalChatClient client = new(model.Chat);
        ChatResponse response = await client.GetResponseAsync("Well?", new ChatOptions { Reasoning = new ReasoningOptions { Output = ReasoningOutput.None } });
        Assert.Equal("Yes.", Assert.IsType<TextContent>(Assert.Single(Assert.Single(response.Messages).Contents, content => content is not UsageContent)).Text);
        ChatMessage earlier = new(ChatRole.Assistant, [new TextReasoningContent("Hm."), new TextContent("Yes.")]);
        Hadal.Tokenization.Templates.ChatMessage said = Assert.Single(ChatRequests.Of([earlier], null, null).Messages);
        Assert.Equal(("assistant", "Yes.", "Hm."), (said.Role, said.Content, said.ReasoningContent));
    }

    [Fact]
    public async Task Cancelling_ends_the_answer_and_the_client_goes_on()
    {
        using ScriptedModel model = new(ChatModelTests.ChatMl, s_markup, "one", " two", " three");
        using HadalChatClient client = new(model.Chat);
        using CancellationTokenSource stop = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync("Count.", cancellationToken: stop.Token)) await stop.CancelAsync();
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.GetResponseAsync("Count.", cancellationToken: new CancellationToken(canceled: true)));
        string[] answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ => (await client.GetResponseAsync("Count.")).Text));
        Assert.All(answers, answer => Assert.Equal("one two three", answer));
    }

    [Fact]
    public void Services_are_found_by_type_and_without_key_only()
    {
        using ScriptedModel model = new(ChatModelTests.ChatMl, s_markup, "ok");
        using HadalChatClient client = new(model.Chat, "name");
        Assert.Same(client, client.GetService<HadalChatClient>());
        Assert.Same(client, client.GetService<IChatClient>());
        Assert.Same(model.Chat, client.GetService<ChatModel>());
        Assert.Same(model.Engine, client.GetService<InferenceEngine>());
        Assert.Equal(("hadal", "name"), (client.GetService<ChatClientMetadata>()!.ProviderName, client.GetService<ChatClientMetadata>()!.DefaultModelId));
        Assert.Null(client.GetService<string>());
        Assert.Null(client.GetService(typeof(IChatClient), "key"));
        Assert.Throws<ArgumentNullException>(() => client.GetService(null!));
    }

    [Fact]
    public async Task What_the_model_cannot_be_given_is_refused()
    {
        using ScriptedModel model = new(ChatModelTests.ChatMl, s_markup, "ok");
        using HadalChatClient client = new(model.Chat);
        await Assert.ThrowsAsync<ArgumentNullException>(() => client.GetResponseAsync((IEnumerable<ChatMessage>)null!));
        await Assert.ThrowsAsync<NotSupportedException>(() => client.GetResponseAsync([new ChatMessage(ChatRole.User, [new UriContent("http://localhost/x.png", "image/png")])]));
        await Assert.ThrowsAsync<NotSupportedException>(() => client.GetResponseAsync("x", new ChatOptions { Tools = [new HostedWebSearchTool()] }));
        await Assert.ThrowsAsync<ArgumentException>(() => client.GetResponseAsync("x", new ChatOptions { Tools = [AIFunctionFactory.Create(Weather, "weather")] }));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => client.GetResponseAsync("x", new ChatOptions { TopP = 2 }));
    }

    [Description("Tells the weather.")]
    private static string Weather(string city, int days) => $"rain in {city} for {days} days";
}
