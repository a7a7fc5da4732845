using Hadal.Tokenization.Templates;

namespace Hadal.Tests.Tokenization.Templates;

/// <summary>Templates that would take all time, memory or stack if they could.</summary>
public sealed class TemplateLimitsTests
{
    public static TheoryData<string> Greedy { get; } = new(
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s='xy') %}{% for i in range(100) %}{% set ns.s = ns.s|replace('x', ns.s) %}{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(100) %}{% set ns.s = ns.s.join(ns.s) %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s == ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(5000) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}",
        "{{ 'x' * 9000000000000000000 }}",
        "{{ [1] * 9000000000000000000 }}",
        "{{ 'x'|indent(2000000000, true) }}",
        "{{ [1]|tojson(indent=2000000000) }}",
        "{{ ('a' * 8000000) in ('a' * 15000000 ~ 'b') }}",
        "{{ ('a' * 1000000 ~ 'b') in ('a' * 8000000) }}",
        "{{ ('x' * 1000000)|list|length }}{{ ('x' * 8000000)|list|length }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(a) %}{% for i in [1, 2] %}{% if true %}{{ m([a]) }}{% endif %}{% endfor %}{% endmacro %}{{ m(1) }}",
        "{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}");

    [Theory]
    [MemberData(nameof(Greedy))]
    public async Task A_greedy_template_is_stopped(string template) =>
        await Assert.ThrowsAsync<TemplateException>(() => Task.Run(() => Chat.Render(template)).WaitAsync(TimeSpan.FromSeconds(30)));

    [Theory]
    [InlineData("{{ ", "(", "1", ")", " }}")]
    [InlineData("{{ ", "[", "1", "]", " }}")]
    [InlineData("{{ ", "{'a': ", "1", "}", " }}")]
    [InlineData("{{ ", "not ", "1", "", " }}")]
    [InlineData("{{ ", "-", "1", "", " }}")]
    [InlineData("{{ ", "", "1", " + 1", " }}")]
    [InlineData("{{ ", "", "1", "|string", " }}")]
    [InlineData("{{ ", "", "a", ".b", " }}")]
    [InlineData("{{ ", "", "a", "[0]", " }}")]
    [InlineData("{{ ", "", "a", "()", " }}")]
    [InlineData("{{ ", "", "1", " ** 1", " }}")]
    [InlineData("{{ ", "", "1", " or 1", " }}")]
    [InlineData("{{ ", "1 if 1 else ", "1", "", " }}")]
    [InlineData("{{ ", "a[", "1", "]", " }}")]
    [InlineData("{{ ", "a(", "1", ")", " }}")]
    [InlineData("{{ ", "a is in ", "1", "", " }}")]
    [InlineData("{{ 1 ", "|default(1 ", "", ")", " }}")]
    [InlineData("", "{% if 1 %}", "x", "{% endif %}", "")]
    [InlineData("", "{% for i in [1] %}", "x", "{% endfor %}", "")]
    [InlineData("{% set ", "(", "a", ",)", " = 1 %}")]
    public void Nesting_without_end_is_refused_when_it_is_read(string head, string open, string middle, string close, string tail)
    {
        string template = head + Repeat(open) + middle + Repeat(close) + tail;
        Assert.Throws<TemplateException>(() => ChatTemplate.Parse(template, "deep"));

        static string Repeat(string text) => string.Concat(Enumerable.Repeat(text, 20_000));
    }

    [Fact]
    public void A_thread_with_a_small_stack_is_enough_for_what_is_read()
    {
        string template = "{% macro m(n) %}" + string.Concat(Enumerable.Repeat("{% if 1 %}", 90))
            + "{{ " + string.Concat(Enumerable.Repeat("[", 40)) + "m(n)" + string.Concat(Enumerable.Repeat("]", 40)) + "[0] }}"
            + string.Concat(Enumerable.Repeat("{% endif %}", 90)) + "{% endmacro %}{{ m(1) }}";
        Exception? caught = null;
        Thread thread = new(() => caught = Record.Exception(() => Chat.Render(template)), maxStackSize: 512 * 1024);
        thread.Start();
        thread.Join();
        Assert.IsType<TemplateException>(caught);
    }

    [Fact]
    public void A_caller_can_set_the_limits()
    {
        ChatTemplate template = ChatTemplate.Parse("{% for i in range(100) %}xy{% endfor %}", "loop");
        Assert.Equal(200, template.Render([], addGenerationPrompt: false, ChatTemplateOptions.Default).Length);
        TemplateException steps = Assert.Throws<TemplateException>(() => template.Render([], false, new ChatTemplateOptions { MaxSteps = 50 }));
        Assert.Contains("more than the 50 steps", steps.Message, StringComparison.Ordinal);
        TemplateException length = Assert.Throws<TemplateException>(() => template.Render([], false, new ChatTemplateOptions { MaxLength = 99 }));
        Assert.Contains("longer than the 99 characters", length.Message, StringComparison.Ordinal);
    }
}
