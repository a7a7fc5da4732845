using Hadal.Tokenization.Templates;

namespace Hadal.Tests.Tokenization.Templates;

/// <summary>What exceptions say, and when they come.</summary>
public sealed class TemplateErrorTests
{
    [Theory]
    [InlineData("a\n  {% include 'x' %}", "t, line 2, column 6: found the block 'include', expected a block that is supported.")]
    [InlineData("{{ x|nope }}", "t, line 1, column 6: found the filter 'nope', expected one that is supported.")]
    [InlineData("{{ x is nope }}", "t, line 1, column 9: found the test 'nope', expected one that is supported.")]
    [InlineData("{% if x %}\n{{ x }}", "t, line 2, column 8: found the end of the template, expected '{% elif %}' or '{% else %}' or '{% endif %}'.")]
    [InlineData("{{ x", "t, line 1, column 1: the tag has no end, expected '}}'.")]
    [InlineData("{{ 1 2 }}", "t, line 1, column 6: found the number '2', expected '}}'.")]
    [InlineData("{% for x in y recursive %}", "t, line 1, column 15: found 'recursive', expected a loop that isn't recursive.")]
    [InlineData("{{ f(*x) }}", "t, line 1, column 6: found '*', expected arguments one by one.")]
    [InlineData("{{ 'abc }}", "t, line 1, column 4: the string has no end, expected '.")]
    [InlineData("{{ x ? y }}", "t, line 1, column 6: found '?', expected a name, a number, a string or an operator.")]
    [InlineData("{{ (1] }}", "t, line 1, column 6: found ']', which closes nothing that is open here.")]
    [InlineData("{{ 99999999999999999999 }}", "t, line 1, column 4: found the number '99999999999999999999', expected a whole number of at most 64 bits.")]
    public void What_is_not_read_is_refused_at_its_place(string template, string message)
    {
        TemplateException e = Assert.Throws<TemplateException>(() => ChatTemplate.Parse(template, "t"));
        Assert.Equal(message, e.Message);
    }

    [Theory]
    [InlineData("\n{{ x.y }}", "t, line 2, column 5: 'x' is undefined.")]
    [InlineData("{{ {}.a.b }}", "t, line 1, column 8: 'dict object' has no attribute 'a'.")]
    [InlineData("{{ 'a' + 1 }}", "t, line 1, column 4: found a str + a int, expected two texts, two numbers or two lists.")]
    [InlineData("{{ [].append(1) }}",
        "t, line 1, column 13: 'append' would change a list, and templates are rendered with values that stay as they are.")]
    [InlineData("{{ 9223372036854775807 + 1 }}", "t, line 1, column 4: a whole number gets larger than 64 bits.")]
    [InlineData("{{ x|tojson }}", "t, line 1, column 6: found nothing to write as JSON, because 'x' is undefined.")]
    [InlineData("{{ messages[0].role }}", "t, line 1, column 15: 'list object' has no element 0.")]
    public void What_fails_on_the_messages_names_its_place(string template, string message)
    {
        ChatTemplate parsed = ChatTemplate.Parse(template, "t");
        TemplateException e = Assert.Throws<TemplateException>(() => parsed.Render([], addGenerationPrompt: false, ChatTemplateOptions.Default));
        Assert.Equal(message, e.Message);
    }

    [Fact]
    public void A_template_that_refuses_the_messages_is_quoted()
    {
        ChatTemplate template = ChatTemplate.Parse(
            "{% for m in messages %}\n{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}\n"
            + "{{ raise_exception('Roles must alternate, found ' ~ m.role) }}{% endif %}{{ m.content }}{% endfor %}",
            "mistral");
        Assert.Equal("ab", template.Render([new("user", "a"), new("assistant", "b")], false, ChatTemplateOptions.Default));
        TemplateRaisedException e = Assert.Throws<TemplateRaisedException>(
            () => template.Render([new("user", "a"), new("user", "b")], false, ChatTemplateOptions.Default));
        Assert.Equal("Roles must alternate, found user", e.Raised);
        Assert.Equal(
            "mistral, line 3, column 19: the template refuses these messages: 'Roles must alternate, found user'.", e.Message);
    }

    [SkippableFact]
    public void Llama_refuses_several_calls_at_once()
    {
        ChatTemplate template = TemplateFiles.Require("meta-llama-Llama-3.1-8B-Instruct");
        IReadOnlyList<ChatMessage> messages = Chat.Messages("""
            [
                {"role": "user", "content": "w"},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"function": {"name": "a", "arguments": {}}}, {"function": {"name": "b", "arguments": {}}}]}
            ]
            """);
        TemplateRaisedException e = Assert.Throws<TemplateRaisedException>(() => template.Render(messages, false, Chat.Options()));
        Assert.Equal("This model only supports single tool-calls at once!", e.Raised);
    }

    [SkippableFact]
    public void Llama_refuses_tools_without_a_user()
    {
        ChatTemplate template = TemplateFiles.Require("meta-llama-Llama-3.1-8B-Instruct");
        TemplateRaisedException e = Assert.Throws<TemplateRaisedException>(
            () => template.Render([new("system", "s")], false, Chat.Options("""{"tools": [{"type": "function"}]}""")));
        Assert.Equal("Cannot put tools in the first user message when there's no first user message!", e.Raised);
    }

    [Theory]
    [InlineData("""{"v": 123456789012345678901234567890}""")]
    [InlineData("""{"v": "\ud800"}""")]
    [InlineData("""{"\udc00": 1}""")]
    [InlineData("""[1]""")]
    public void Variables_that_are_no_values_are_refused(string json)
    {
        ChatTemplate template = ChatTemplate.Parse("x", "t");
        Assert.Throws<TemplateException>(() => template.Render([], false, new ChatTemplateOptions { Variables = Chat.Json(json) }));
    }
}
