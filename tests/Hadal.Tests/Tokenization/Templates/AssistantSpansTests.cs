using Hadal.Tokenization.Templates;

namespace Hadal.Tests.Tokenization.Templates;

/// <summary>Which parts of a rendered conversation are the assistant's, for training on them alone.</summary>
public sealed class AssistantSpansTests
{
    private static readonly ChatMessage[] _twoTurns =
        [new("user", "Hi"), new("assistant", "Hello!"), new("user", "Bye"), new("assistant", "So long."), new("user", "?")];

    [Fact]
    public void Generation_blocks_are_the_spans()
    {
        ChatTemplate template = ChatTemplate.Parse(
            "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<eos>{% endgeneration %}"
            + "{% else %}{{ m.content }}{% endif %}{% endfor %}",
            "marked");
        Assert.True(template.MarksGeneration);
        RenderedChat chat = Assert.Single(template.RenderWithAssistantSpans(_twoTurns, ChatTemplateOptions.Default));
        Assert.Equal("[user]Hi[assistant]Hello!<eos>[user]Bye[assistant]So long.<eos>[user]?", chat.Text);
        Assert.Equal(["Hello!<eos>", "So long.<eos>"], Spoken(chat));
    }

    [Fact]
    public void Without_them_a_turn_is_what_follows_its_prompt()
    {
        ChatTemplate template = ChatTemplate.Parse(
            "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}", "chatml");
        Assert.False(template.MarksGeneration);
        RenderedChat chat = Assert.Single(template.RenderWithAssistantSpans(_twoTurns, ChatTemplateOptions.Default));
        Assert.Equal("<user>Hi<end><assistant>Hello!<end><user>Bye<end><assistant>So long.<end><user>?<end>", chat.Text);
        Assert.Equal(["Hello!<end>", "So long.<end>"], Spoken(chat));
    }

    [Fact]
    public void A_conversation_without_an_assistant_has_no_spans()
    {
        ChatTemplate template = ChatTemplate.Parse("{% for m in messages %}{{ m.content }}{% endfor %}", "plain");
        RenderedChat chat = Assert.Single(template.RenderWithAssistantSpans([new("user", "x")], ChatTemplateOptions.Default));
        Assert.Equal("x", chat.Text);
        Assert.Empty(chat.AssistantSpans);
    }

    [SkippableFact]
    public void DeepSeek_V3_1_gives_one_text()
    {
        RenderedChat chat = Assert.Single(TemplateFiles.Require("deepseek-ai-DeepSeek-V3.1").RenderWithAssistantSpans(_twoTurns, Chat.Options()));
        Assert.Equal(["Hello!<｜end▁of▁sentence｜>", "So long.<｜end▁of▁sentence｜>"], Spoken(chat));
        Assert.EndsWith("<｜User｜>?", chat.Text, StringComparison.Ordinal);
    }

    // V3.2 drops the thinking of a turn once the user has spoken again: each turn is trained on as the last one.
    [SkippableFact]
    public void A_turn_that_is_rewritten_later_gets_a_text_of_its_own()
    {
        IReadOnlyList<RenderedChat> chats = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.2").RenderWithAssistantSpans(
            [
                new("user", "Hi"), new("assistant", "Hello!") { ReasoningContent = "greet" },
                new("user", "Bye"), new("assistant", "So long.") { ReasoningContent = "leave" },
            ],
            Chat.Options("""{"thinking": true}"""));
        Assert.Equal(
            [
                "<BOS><｜User｜>Hi<｜Assistant｜><think>greet</think>Hello!<｜end▁of▁sentence｜>",
                "<BOS><｜User｜>Hi<｜Assistant｜></think>Hello!<｜end▁of▁sentence｜>"
                    + "<｜User｜>Bye<｜Assistant｜><think>leave</think>So long.<｜end▁of▁sentence｜>",
            ],
            chats.Select(chat => chat.Text));
        Assert.Equal(["greet</think>Hello!<｜end▁of▁sentence｜>"], Spoken(chats[0]));
        Assert.Equal(["leave</think>So long.<｜end▁of▁sentence｜>"], Spoken(chats[1]));
    }

    // The template of R1 opens the thinking in its prompt and leaves it out of every turn.
    [SkippableFact]
    public void A_turn_that_does_not_follow_its_prompt_is_refused()
    {
        ChatTemplate template = TemplateFiles.Require("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B");
        TemplateException e = Assert.Throws<TemplateException>(() => template.RenderWithAssistantSpans(_twoTurns, Chat.Options()));
        Assert.Equal(
            "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B: the assistant's message 2 doesn't start with the generation prompt, "
            + "found 'Hello!<｜end▁of▁sentence｜>', expected '<think>\\u000a</think>'.",
            e.Message);
    }

    [Fact]
    public void A_generation_block_in_a_macro_is_refused()
    {
        ChatTemplate template = ChatTemplate.Parse("{% macro m() %}{% generation %}x{% endgeneration %}{% endmacro %}{{ m() }}", "t");
        Assert.Throws<TemplateException>(() => template.RenderWithAssistantSpans(_twoTurns, ChatTemplateOptions.Default));
    }

    private static IEnumerable<string> Spoken(RenderedChat chat) => chat.AssistantSpans.Select(span => chat.Text[span.Start..span.End]);
}
