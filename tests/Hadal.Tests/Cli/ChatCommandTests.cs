using Hadal.Tests.Checkpoints;
using Hadal.Tests.Inference.Chat;

namespace Hadal.Tests.Cli;

public sealed class ChatCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_program_can_talk_with_a_model_over_pipes()
    {
        using ScriptedModel model = new(ChatModelTests.ChatMl, ChatModelTests.Markup, "<think>", "Hm.", "</think>", "Hello", " there.");
        model.Write(_folder.At("model"));
        HadalProcess run = HadalProcess.RunWithInput("Hi\n/think on\nHi\n", "chat", _folder.At("model"), "--temperature", "0");
        Assert.Equal((0, "Hello there.\n<think>\nHm.\n</think>\nHello there.\n"), (run.ExitCode, run.Output));
        Assert.DoesNotContain('\u001b', run.Error);
    }

    [Fact]
    public void A_model_without_template_is_told_what_to_use()
    {
        using ScriptedModel model = new(ChatModelTests.ChatMl, ChatModelTests.Markup, "Hello", " there.");
        model.Write(_folder.At("model"), hasTemplate: false);
        HadalProcess.RunWithInput("", "chat", _folder.At("model")).RequireError(1, "no chat template", "--template FILE", "hadal generate");
        File.WriteAllText(_folder.At("own.jinja"), ChatModelTests.ChatMl);
        Assert.Equal("Hello there.\n", HadalProcess.RunWithInput("Hi", "chat", _folder.At("model"), "--template", _folder.At("own.jinja"), "--temperature", "0").Output);
        HadalProcess.RunWithInput("", "chat", _folder.At("model"), "--template", _folder.At("none.jinja")).RequireError(1, "none.jinja");
        File.WriteAllText(_folder.At("bad.jinja"), "{% for %}");
        HadalProcess.RunWithInput("", "chat", _folder.At("model"), "--template", _folder.At("bad.jinja")).RequireError(1, "bad.jinja", "line 1");
    }

    [Theory]
    [InlineData("--top-p", "0")]
    [InlineData("--temperature", "-1")]
    [InlineData("--top-k", "-1")]
    [InlineData("--max-tokens", "0")]
    [InlineData("--type", "I8")]
    public void Wrong_options_are_exit_code_2(params string[] options) =>
        HadalProcess.Run(["chat", "model", .. options]).RequireError(2, options[0], "See 'hadal chat --help'.");
}
