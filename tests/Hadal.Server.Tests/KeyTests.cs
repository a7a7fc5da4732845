using System.ClientModel;
using System.Net.Http.Headers;
using Hadal.Server.Tests.Testing;
using OpenAI.Chat;

namespace Hadal.Server.Tests;

public sealed class KeyTests
{
    private const string Key = "sk-right-key", Other = "sk-another-key";

    [Fact]
    public async Task With_keys_everything_but_health_needs_one_of_them()
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.ApiKeys.Add(Key);
            options.ApiKeys.Add(Other);
        });
        ChatCompletion answer = await server.OpenAI(Key).GetChatClient(ScriptedModel.ModelId).CompleteChatAsync([new UserChatMessage("Hi.")]);
        Assert.Equal("Hello there, friend.", answer.Content[0].Text);
        ClientResultException refused = await Assert.ThrowsAsync<ClientResultException>(
            () => server.OpenAI("sk-wrong-key").GetChatClient(ScriptedModel.ModelId).CompleteChatAsync([new UserChatMessage("Hi.")]));
        Assert.Equal(401, refused.Status);

        foreach (string path in (string[])["/v1/models", "/v1/models/scripted", "/metrics"])
        {
            Assert.Equal(401, await StatusAsync(path, null));
            Assert.Equal(401, await StatusAsync(path, ""));
            Assert.Equal(401, await StatusAsync(path, Key + "x"));
            Assert.Equal(401, await StatusAsync(path, Key[..^1]));
            Assert.Equal(200, await StatusAsync(path, Key));
            Assert.Equal(200, await StatusAsync(path, Other));
        }

        Assert.Equal(200, await StatusAsync("/health", null));
        Answer told = await server.PostAsync("/v1/completions", "{}"); // before the body is looked at
        Assert.Equal(401, told.Status);
        Assert.Equal("invalid_api_key", told.Error.GetProperty("code").GetString());
        Assert.Equal("Bearer", told.Headers.WwwAuthenticate.Single().Scheme);
        Assert.DoesNotContain(Key, told.Text, StringComparison.Ordinal);

        async Task<int> StatusAsync(string path, string? key)
        {
            using HttpRequestMessage request = new(HttpMethod.Get, new Uri(path, UriKind.Relative));
            if (key is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using HttpResponseMessage response = await server.Http.SendAsync(request);
            return (int)response.StatusCode;
        }
    }

    [Fact]
    public async Task Keys_come_from_the_environment_too()
    {
        string variable = $"HADAL_TEST_{Guid.NewGuid():N}";
        Environment.SetEnvironmentVariable(variable, $" {Key} , {Other}");
        try
        {
            await using RunningServer server = await RunningServer.StartAsync(options => options.ApiKeyVariable = variable);
            Assert.Equal(401, (await server.GetAsync("/v1/models")).Status);
            server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("bearer", Other);
            Assert.Equal(200, (await server.GetAsync("/v1/models")).Status);
        }
        finally
        {
            Environment.SetEnvironmentVariable(variable, null);
        }
    }

    [Theory]
    [InlineData("http://127.0.0.1:8080", false)]
    [InlineData("http://127.3.2.1:8080", false)]
    [InlineData("http://[::1]:8080", false)]
    [InlineData("http://localhost:8080", false)]
    [InlineData("http://0.0.0.0:8080", true)]
    [InlineData("http://[::]:8080", true)]
    [InlineData("http://*:8080", true)]
    [InlineData("http://+:8080", true)]
    [InlineData("http://192.168.1.5:80", true)]
    [InlineData("http://example.org", true)]
    public void What_others_can_reach_is_told_from_what_they_can_not(string address, bool isOpen) => Assert.Equal(isOpen, OpenDoorWarning.IsOpen(address));
}
