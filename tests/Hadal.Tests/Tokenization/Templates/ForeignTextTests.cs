using System.Text.Json;
using Hadal.Tokenization.Templates;

namespace Hadal.Tests.Tokenization.Templates;

/// <summary>
/// Whose text is whose. The conversation says everything in characters that no template has, so that they can be told apart in the result
/// without asking the template.
/// </summary>
public sealed class ForeignTextTests
{
    private const string Outside = "\ue000\ue001 \ue002\n\ue003,\ue000";

    public static TheoryData<string> Expressions =>
    [
        "x", "x + 'a'", "'a' ~ x ~ 'b'", "x * 2", "x[1:]", "x[::-1]", "x[::2]", "x[1]", "x[-1]", "x|trim", "x|trim('\ue000')", "x.strip()", "x.lstrip()",
        "x.rstrip('\ue000')", "x.split()|join('+')", "x.split('\ue002')[1]", "x.rsplit('\ue003', 1)[0]", "x.split(None, 1)[1]", "x.rsplit(None, 1)[0]",
        "x.splitlines()[1]", "x.splitlines(true)|join", "x.partition('\ue002')|join('|')", "x.rpartition('z')|join('|')", "x.removeprefix('\ue000')",
        "x.removesuffix('\ue000')", "x.replace('\ue000', 'own')", "'a-b'.replace('-', x)", "x.replace('', '.')", "'ab'.replace('', x)", "x|replace('\ue001', 'own')",
        "x|upper", "x.lower()", "x|title", "x.title()", "x|capitalize", "x|string", "x|safe", "x|tojson", "{'k': x}|tojson(indent=2)", "[x, 'a']|tojson", "{x: 1}|tojson",
        "[x]", "{'k': [x]}", "(x, 1)|string", "x|list|join('-')", "x|first", "x|last", "x|reverse", "[x, 'b']|join(' own ')", "['a', 'b']|join(x)", "['a', 'b']|sum(start=x)",
        "['b', x]|sort|join", "['b', x]|unique|join", "[{'a': x}]|map(attribute='a')|join", "['a', x]|map('upper')|join", "[x, 'b']|select|join", "[x, 'b']|max", "{'k': x}|dictsort|join",
        "{'k': x}.items()|list|string", "{'k': x}|items|list|string", "{x: 'v'}.keys()|list|string", "x if true else 'a'", "none or x", "x|default('a')", "nothing|default(x)",
        "('{\"k\": \"' ~ x|replace('\\n', '') ~ '\"}')|from_json", "x|indent(2)", "'a\nb'|indent(x)", "'a'|indent(x, true)", "namespace(v=x).v", "dict(v=x)|tojson", "x.center", "strftime_now(x)",
    ];

    [Theory]
    [MemberData(nameof(Expressions))]
    public void Whatever_an_expression_makes_of_foreign_text_is_foreign(string expression)
    {
        RenderedChat chat = Render("<own>{{ " + expression + " }}</own>");
        Assert.Equal(0, chat.Text.IndexOf("<own>", StringComparison.Ordinal));
        Check(chat);
        // What the template wrote around is its own.
        if (chat.ForeignSpans.Count == 0) return;
        Assert.True(chat.ForeignSpans[0].Start >= 5);
        Assert.True(chat.ForeignSpans[^1].End <= chat.Text.Length - 6);
    }

    [Theory]
    [InlineData("{% set y = x %}{{ y }}")]
    [InlineData("{% set y %}<a>{{ x }}<b>{% endset %}{{ y }}")]
    [InlineData("{% macro m(v) %}<a>{{ v }}{{ caller() }}{% endmacro %}{% call m(x) %}{{ x }}<b>{% endcall %}")]
    [InlineData("{% filter trim %}  {{ x }}<a>{% endfilter %}")]
    [InlineData("{% filter upper %}{{ x }}{% endfilter %}")]
    [InlineData("{% for c in x %}<a>{{ c }}{% endfor %}")]
    [InlineData("{% set ns = namespace(s='') %}{% for c in x %}{% set ns.s = ns.s + '<a>' + c %}{% endfor %}{{ ns.s|trim }}")]
    [InlineData("{% with y = x %}{{ y }}{% endwith %}")]
    [InlineData("{% for k, v in {'<k>': x}|items %}{{ k }}{{ v }}{% endfor %}")]
    public void Statements_keep_whose_text_it_is(string template)
    {
        RenderedChat chat = Render(template);
        Check(chat);
        Assert.NotEmpty(chat.ForeignSpans);
    }

    [Theory]
    [InlineData("{{ '<a>' + x + '</a>' }}", 1)]
    [InlineData("{{ ('  <a>' + x + '</a> ')|trim }}", 1)]
    [InlineData("{{ ('<a>' + x + '</a>')[1:-1] }}", 1)]
    [InlineData("{{ ['<a>', x, '</a>']|join('') }}", 1)]
    [InlineData("{{ ('<a>' + x + '</a>' + x).split('</a>')[0] }}", 1)]
    [InlineData("{{ ('<a>' + x).replace('a', '|b|') }}", 1)]
    [InlineData("{{ x|replace('\ue002', '<c>') }}", 2)]
    [InlineData("{{ 'a'|upper }}{{ {'a': 1}|tojson }}{{ bos_token }}", 0)]
    public void Joining_and_cutting_is_exact(string template, int spans)
    {
        RenderedChat chat = Render(template);
        Assert.Equal(spans, chat.ForeignSpans.Count);
        string mask = string.Concat(chat.Text.Select((c, i) => chat.ForeignSpans.Any(span => i >= span.Start && i < span.End) ? 'x' : c));
        Assert.DoesNotContain(mask, c => c is >= '\ue000' and <= '\ue003');
        foreach (TextSpan span in chat.ForeignSpans) Assert.Contains(chat.Text.Substring(span.Start, span.Length).Trim(), Outside, StringComparison.Ordinal);
    }

    [Fact]
    public void In_real_templates_all_of_the_conversation_is_foreign_and_no_markup_of_theirs()
    {
        IReadOnlyList<ChatMessage> messages = Chat.Messages("""
            [
                {"role": "system", "content": "\ue000\ue001"},
                {"role": "user", "content": "\ue001 \ue002"},
                {"role": "assistant", "content": "\ue000", "reasoning_content": "\ue003"},
                {"role": "user", "content": "\ue001"},
                {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "\ue000", "arguments": {"\ue001": "\ue002"}}}]},
                {"role": "tool", "content": "\ue003", "tool_call_id": "c1", "name": "\ue000"}
            ]
            """);
        ChatTemplateOptions options = Chat.Options("""{"tools": [{"type": "function", "function": {"name": "\ue000", "description": "\ue001", "parameters": {}}}]}""");
        int rendered = 0;
        foreach (string source in TemplateFiles.Sources)
        {
            ChatTemplate template = ChatTemplate.Parse(source, "template");
            foreach (IReadOnlyList<ChatMessage> conversation in (IReadOnlyList<ChatMessage>[])[messages, [.. messages.Take(4)], [.. messages.Take(2)]])
            {
                RenderedChat chat;
                try
                {
                    chat = template.RenderWithForeignSpans(conversation, addGenerationPrompt: true, options);
                }
                catch (TemplateException)
                {
                    continue; // Some refuse tools.
                }

                rendered++;
                Check(chat);
                foreach (TextSpan span in chat.ForeignSpans) Assert.DoesNotContain('<', chat.Text.Substring(span.Start, span.Length));
            }
        }

        Assert.True(rendered >= 2 * TemplateFiles.Sources.Count);
    }

    [Fact]
    public void Texts_for_training_know_it_too()
    {
        ChatTemplate template = ChatTemplate.Parse("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}", "t");
        RenderedChat chat = Assert.Single(template.RenderWithAssistantSpans([new("user", "\ue000"), new("assistant", "\ue001")], ChatTemplateOptions.Default));
        Assert.Equal("<user>\ue000<assistant>\ue001", chat.Text);
        Check(chat);
        Assert.Equal(4, chat.ForeignSpans.Count); // the roles too
    }

    private static RenderedChat Render(string template) => ChatTemplate.Parse(template, "test").RenderWithForeignSpans(
        [], addGenerationPrompt: false, new ChatTemplateOptions { BosToken = "<s>", Variables = JsonSerializer.SerializeToElement(new { x = Outside }) });

    private static void Check(RenderedChat chat)
    {
        int last = 0;
        foreach (TextSpan span in chat.ForeignSpans)
        {
            Assert.True(span.Length > 0 && span.Start >= last && span.End <= chat.Text.Length);
            last = span.End;
        }

        for (int i = 0; i < chat.Text.Length; i++)
        {
            if (chat.Text[i] is >= '\ue000' and <= '\ue003') Assert.Contains(chat.ForeignSpans, span => i >= span.Start && i < span.End);
        }
    }
}
