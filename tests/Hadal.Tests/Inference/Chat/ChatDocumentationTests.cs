using Hadal.Checkpoints;
using Hadal.Inference;
using Hadal.Inference.Chat;
using Hadal.Models;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Cli;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;
using Microsoft.Extensions.AI;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace Hadal.Tests.Inference.Chat;

/// <summary>The example of docs/chat.md, line for line.</summary>
[Collection(ConsoleRun.Name)]
public sealed class ChatDocumentationTests
{
    [Fact]
    public async Task The_example_runs()
    {
        using ScriptedModel script = new(ChatModelTests.ChatMl, ChatModelTests.Markup, "The hadal", " zone.");
        using TemporaryFolder folder = new();
        script.Write(folder.At("model"));
        TextWriter console = Console.Out;
        using StringWriter printed = new();
        Console.SetOut(printed);
        try
        {
            await ExampleAsync(folder.At("model"));
        }
        finally
        {
            Console.SetOut(console);
        }

        Assert.Equal("The hadal zone.", printed.ToString());
    }

    [SkippableFact]
    public void The_example_is_the_one_of_the_documentation()
    {
        string[] source = Lines("tests", "Hadal.Tests", "Inference", "Chat", "ChatDocumentationTests.cs"), docs = Lines("docs", "chat.md");
        string[] example = [.. source.SkipWhile(line => !line.StartsWith("    private static async Task", StringComparison.Ordinal)).Skip(2)
            .TakeWhile(line => line != "    }").Select(line => line.Length > 8 ? line[8..] : "")];
        Assert.Contains(string.Join('\n', example), string.Join('\n', docs), StringComparison.Ordinal);
        Assert.True(example.Length > 8);
    }

    private static async Task ExampleAsync(string path)
    {
        using Transformer model = ModelReader.Read(path);
        Tokenizer tokenizer = Tokenizer.Load(path);
        using InferenceEngine engine = new(model, tokenizer);
        ChatModel chat = new(engine, ChatTemplate.Parse(tokenizer.ChatTemplate!, path));
        using HadalChatClient client = new(chat, "my-model");

        List<ChatMessage> messages = [new(ChatRole.System, "Be brief."), new(ChatRole.User, "What is the deepest part of the sea called?")];
        ChatOptions options = new() { Temperature = 0.6f, TopP = 0.95f, MaxOutputTokens = 512, Seed = 1 };
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(messages, options))
        {
            Console.Write(update.Text);
        }
    }

    // The repository that the tests were built from; a published build has none.
    private static string[] Lines(params ReadOnlySpan<string> names)
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "hadal.slnx"))) return File.ReadAllLines(Path.Combine([at.FullName, .. names]));
        }

        Skip.If(true, "no repository above the test assembly");
        return [];
    }
}
