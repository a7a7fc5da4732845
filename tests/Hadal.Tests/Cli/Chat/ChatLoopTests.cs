using System.Text.Json;
using Hadal.Cli.Chat;
using Hadal.Inference;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Inference.Chat;

namespace Hadal.Tests.Cli.Chat;

public sealed class ChatLoopTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ScriptedModel _model = new(ChatModelTests.ChatMl, ChatModelTests.Markup, "<think>", "Let me", " see.", "</think>", "\n\n", "It is", " 42.", "\u001b[2J");

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Without_a_terminal_each_line_is_a_turn_and_only_answers_are_printed()
    {
        Run run = Talk("Hi", "", "  \\", "Again");
        Assert.Equal(string.Concat(Enumerable.Repeat("It is 42.\u001b[2J\n", 3)), run.Output);
        Assert.Equal(3, run.Error.Split("a second", StringSplitOptions.None).Length - 1);
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(["user", "assistant", "user", "assistant", "user", "assistant"], run.Conversation.Messages.Select(message => message.Role));
        Assert.Equal(("It is 42.\u001b[2J", "Let me see."), (run.Conversation.Messages[1].Content, run.Conversation.Messages[1].ReasoningContent));
    }

    [Fact]
    public void On_a_terminal_thoughts_are_dimmed_and_the_model_cannot_command_it()
    {
        Run run = Talk(isTerminal: true, hasColors: true, "Hi", "/think off", "Hi");
        Assert.Contains("\u001b[2mLet me see.\u001b[0m\n\nIt is 42.\\u001b[2J\n", run.Output, StringComparison.Ordinal);
        Assert.Equal(1, run.Output.Split("Let me see.").Length - 1);
        Assert.Equal("", run.Error);
        Assert.StartsWith("> ", run.Output, StringComparison.Ordinal);
        Run plain = Talk(isTerminal: true, hasColors: false, "Hi");
        Assert.DoesNotContain('\u001b', plain.Output);
        Assert.Contains("<think>\nLet me see.\n</think>\nIt is 42.", plain.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Commands_change_the_conversation()
    {
        string file = _folder.At("talk.json");
        Run run = Talk("/retry", "/undo", "/tokens", "/system Be brief.", "One", "Two", "/undo", "/retry", "/tokens", $"/save {file}", "/reset", "Three", $"/load {file}");
        Assert.Equal(4, run.Output.Split("It is 42.").Length - 1);
        Assert.Equal(["system", "user", "assistant"], run.Conversation.Messages.Select(message => message.Role));
        Assert.Equal(("Be brief.", "One"), (run.Conversation.System, run.Conversation.Messages[1].Content));
        Assert.Contains("Nothing was said yet.", run.Error, StringComparison.Ordinal);
        Assert.Contains("0 of 4096 tokens", run.Error, StringComparison.Ordinal);
        using JsonDocument saved = JsonDocument.Parse(File.ReadAllBytes(file));
        Assert.Equal("Let me see.", saved.RootElement.GetProperty("messages")[2].GetProperty("reasoning_content").GetString());
        Assert.Equal(0, run.ExitCode);

        Run system = Talk("/system Be brief.", "/system", "/quit", "never said");
        Assert.Empty(system.Conversation.Messages);
        Assert.Equal("", system.Output);
    }

    [Theory]
    [InlineData("/nonsense", "no command")]
    [InlineData("/save", "no command")]
    [InlineData("/think maybe", "no command")]
    [InlineData("/help", "/retry")]
    [InlineData("/set", "temperature=0 ")]
    [InlineData("/set temperature=0.5", "temperature=0.5 ")]
    [InlineData("/set max_tokens=3", "max_tokens=3")]
    [InlineData("/set top_k=5", "top_k=5")]
    [InlineData("/set top_k=5.5", "whole number")]
    [InlineData("/set top_p=2", "top_p=2 makes no sense")]
    [InlineData("/set temperature=hot", "no number")]
    [InlineData("/set temperature", "NAME=VALUE")]
    [InlineData("/set colour=3", "no setting")]
    [InlineData("/set max_tokens=-1", "no setting")]
    public void Commands_say_what_they_did_or_what_is_wrong(string command, string note)
    {
        Run run = Talk(command);
        Assert.Contains(note, run.Error, StringComparison.Ordinal);
        Assert.Equal("", run.Output);
    }

    [Fact]
    public void What_fails_is_said_and_the_conversation_goes_on()
    {
        Run run = Talk($"/load {_folder.At("missing.json")}", new string('x', 5000), "Hi");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("missing.json", run.Error, StringComparison.Ordinal);
        Assert.Contains("expected 1 to 4095", run.Error, StringComparison.Ordinal);
        Assert.Equal("It is 42.\u001b[2J\n", run.Output);
        Assert.Equal(2, run.Conversation.Messages.Count);
        File.WriteAllText(_folder.At("bad.json"), """{"messages": [{"role": "user"}]}""");
        Assert.Contains("no conversation", Talk($"/load {_folder.At("bad.json")}").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_limit_of_tokens_cuts_answers()
    {
        Assert.Equal("It is\n", Talk("/set max_tokens=6", "Hi").Output);
    }

    [Fact]
    public async Task Ctrl_C_stops_an_answer_and_at_the_prompt_the_second_one_leaves()
    {
        int warnings = 0;
        using Interrupts interrupts = new(() => warnings++);
        using InterruptingWriter output = new(interrupts);
        using StringWriter error = new();
        Conversation conversation = new();
        ChatLoop loop = new(_model.Chat, conversation, Settings(), new ChatScreen(output, error, isTerminal: false, hasColors: false), interrupts);
        Assert.Equal(0, await loop.RunAsync(new LineInput(new StringReader("Hi\nHi\n"), isTerminal: false, _ => { })));
        Assert.Contains("[stopped]", error.ToString(), StringComparison.Ordinal);
        // The first answer ends where it was stopped, the second is whole.
        Assert.EndsWith("It is 42.\u001b[2J\n", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(4, conversation.Messages.Count);

        Assert.Equal(0, warnings);
        Assert.True(interrupts.Interrupt());
        Assert.Equal(1, warnings);
        interrupts.Forget();
        Assert.True(interrupts.Interrupt());
        Assert.False(interrupts.Interrupt());
        Assert.Equal(2, warnings);
    }

    [Theory]
    [InlineData("one\ntwo\n", "one|two")]
    [InlineData("one\\\ntwo\n", "one\ntwo")]
    [InlineData("\"\"\"\na\n\nb\n\"\"\"\nnext", "\na\n\nb\n|next")]
    [InlineData("\"\"\"a\\\nb\"\"\"", "a\\\nb")]
    [InlineData("\"\"\"never ends\nx", "never ends\nx\n")]
    public void Entries_of_many_lines_are_read_on_a_terminal(string typed, string entries)
    {
        LineInput input = new(new StringReader(typed), isTerminal: true, _ => { });
        List<string> read = [];
        while (input.Read() is { } entry) read.Add(entry);
        Assert.Equal(entries, string.Join('|', read));
    }

    private static ChatSettings Settings() => new(new SamplingOptions { Temperature = 0 }, null);

    private Run Talk(params string[] lines) => Talk(isTerminal: false, hasColors: false, lines);

    private Run Talk(bool isTerminal, bool hasColors, params string[] lines)
    {
        using StringWriter output = new(), error = new();
        using Interrupts interrupts = new(() => { });
        ChatScreen screen = new(output, error, isTerminal, hasColors);
        Conversation conversation = new();
        ChatLoop loop = new(_model.Chat, conversation, Settings(), screen, interrupts);
        LineInput input = new(new StringReader(string.Join('\n', lines)), isTerminal, screen.Prompt);
        int exitCode = loop.RunAsync(input).GetAwaiter().GetResult();
        return new Run(exitCode, output.ToString(), error.ToString(), conversation);
    }

    private sealed record Run(int ExitCode, string Output, string Error, Conversation Conversation);

    // Presses Ctrl-C when the first word of an answer appears.
    private sealed class InterruptingWriter(Interrupts interrupts) : StringWriter
    {
        private bool _pressed;

        public override void Write(string? value)
        {
            base.Write(value);
            if (_pressed || value is not "It is") return;
            _pressed = true;
            Assert.True(interrupts.Interrupt());
        }
    }
}
