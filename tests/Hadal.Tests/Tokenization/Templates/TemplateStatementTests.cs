namespace Hadal.Tests.Tokenization.Templates;

/// <summary>Statements and the scopes that they open: the expected texts are what Jinja2 3.1.6 prints, set up as Hugging Face does.</summary>
public sealed class TemplateStatementTests
{
    [Theory]
    [InlineData("{% set x = 1 %}{{ x }}{% if true %}{% set x = 2 %}{% endif %}{{ x }}", "12")]
    [InlineData("{% set x = 1 %}{% for i in l %}{{ x }}{% set x = x + i %}{{ x }},{% endfor %}{{ x }}", "12,13,14,1")]
    [InlineData("{% for i in l %}{{ y is defined }}{% set y = 1 %}{{ y }} {% endfor %}{{ y is defined }}", "False1 False1 False1 False")]
    [InlineData(
        "{% set ns = namespace(c=0) %}{% for i in l %}{% set ns.c = ns.c + i %}{% endfor %}{{ ns.c }}{{ ns.nope }}|{{ ns['c'] }}",
        "6|6")]
    [InlineData("{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{% set ns.q = [1] %}{{ ns.q }}", "12[1]")]
    [InlineData("{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (a, b) = (b, a) %}{{ a }}{{ b }}", "1221")]
    [InlineData("{% set x %}  hi {{ a }} {% endset %}[{{ x }}]{% set y | upper | trim %} abc {% endset %}[{{ y }}]", "[  hi 1 ][ABC]")]
    [InlineData("{% set x %}{% set inner = 5 %}{{ inner }}{% endset %}{{ x }}{{ inner is defined }}", "5False")]
    [InlineData(
        "{% for k, v in d.items() %}{{ loop.index }}:{{ k }}={{ v }}{{ ',' if not loop.last }}{% endfor %}",
        "1:x=1,2:y=two,3:z=None")]
    [InlineData(
        "{% for k, v in d|items %}{{ k }}{{ v }}{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for c in 'añ😀' %}[{{ c }}]{% endfor %}",
        "x1ytwozNonexyz[a][ñ][😀]")]
    [InlineData("{% for (i, (j, k)) in [(1, (2, 3))] %}{{ i }}{{ j }}{{ k }}{% endfor %}", "123")]
    [InlineData(
        "{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}-{{ loop.nextitem }}-{{ loop.depth }}{{ loop['index'] }};{% endfor %}",
        "10TrueFalse332-2-11;21FalseFalse3211-3-12;32FalseTrue3102--13;")]
    [InlineData(
        "{% for i in l if i != 2 %}{{ i }}{{ loop.index }}{{ loop.length }}{{ loop.last }}{{ loop.previtem is defined }}{{ loop.nextitem }};{% endfor %}",
        "112FalseFalse3;322TrueTrue;")]
    [InlineData(
        "{% for i in l if i > 5 %}x{% else %}none{% endfor %}{% for i in [] %}{% else %}E{% endfor %}{% for i in undefined_thing %}x{% else %}U{% endfor %}",
        "noneEU")]
    [InlineData(
        "{% for i in l %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% else %}E{% endfor %}|{% for i in l %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% else %}E{% endfor %}",
        "13|1")]
    [InlineData(
        "{% for i in l %}{% for j in l %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{{ loop.index }};{% endfor %}",
        "11 1;21 2;31 3;")]
    [InlineData("{% for i in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(i > 1) }}{% endfor %}", "aTruebTrueaFalse")]
    [InlineData("{% set ns = namespace(m=0) %}{% for i in [1, 3, 2, 5] if i > ns.m %}{{ i }}{% set ns.m = i %}{% endfor %}", "135")]
    [InlineData(
        "{% for i in l %}{% set outer = loop %}{% for j in [1] %}{{ outer.index }}{{ loop.index }}{% endfor %}{% endfor %}",
        "112131")]
    [InlineData(
        "{% macro m(a, b=2, c='x') %}{{ a }}-{{ b }}-{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(1, c='z') }} {{ m() }} {{ m(b=1, a=2) }}",
        "1-2-x 1-3-x 1-2-z -2-x 2-1-x")]
    [InlineData("{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(7) }}", "7")]
    [InlineData("{% macro m() %}{{ x }}{% set x = 2 %}{% endmacro %}{% set x = 1 %}{{ m() }}{{ x }}", "11")]
    [InlineData("{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}", "543210")]
    [InlineData("{% macro m() %}{{ caller('q') }}!{% endmacro %}{% call(x) m() %}<{{ x }}{{ a }}>{% endcall %}", "<q1>!")]
    [InlineData("{% macro m() %}{{ m2() }}{% endmacro %}{% macro m2() %}z{% endmacro %}{{ m() }}{{ m()|upper }}{{ m() ~ 'x' }}", "zZzx")]
    [InlineData("{% macro m(a, a2) %}{{ a2 is defined }}{{ a2 }}{% endmacro %}{{ m(1) }}", "False")]
    [InlineData("{% with x = 1, y = a %}{{ x }}{{ y }}{% set z = 3 %}{% endwith %}{{ x is defined }}{{ z is defined }}", "11FalseFalse")]
    [InlineData("{% filter upper %}abc{{ s }}{% endfilter %}", "ABCHELLO WORLD")]
    [InlineData("{% generation %}a{{ a }}{% set g = 1 %}{% endgeneration %}{{ g is defined }}", "a1False")]
    [InlineData(
        "{% if a == 1 %}A{% elif a == 2 %}B{% else %}C{% endif %}{% if a == 2 %}A{% elif b == 2 %}B{% else %}C{% endif %}{% if f %}A{% elif f %}B{% else %}C{% endif %}",
        "ABC")]
    [InlineData(
        "{% if undefined_thing %}x{% endif %}{% if not undefined_thing %}y{% endif %}{% if undefined_thing is defined and undefined_thing.x %}z{% endif %}",
        "y")]
    [InlineData(
        "{% set messages = [1,2,3] %}{{ messages[1:] }}{% set messages = messages[1:] %}{{ messages }}{{ messages[0] }}",
        "[2, 3][2, 3]2")]
    [InlineData(
        "{% set content = 'a<think>b</think>c' %}{{ content.split('</think>')[-1] }}{{ content.split('</think>')[0].split('<think>')[-1] }}{{ '</think>' in content }}",
        "cbTrue")]
    [InlineData("{% for i in range(3) %}{% set x %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endset %}{{ x }}{% endfor %}", "0")]
    [InlineData("{% for x in [1,2,3] %}{% if loop.first %}{% continue %}{% endif %}{{ loop.previtem }}{% endfor %}", "12")]
    [InlineData("{% set ns = namespace() %}{% set ns.x = 1 %}{% if true %}{% set ns.x = 2 %}{% endif %}{{ ns.x }}", "2")]
    public void Statements_print_what_Jinja_prints(string template, string expected) => Assert.Equal(expected, Chat.Render(template));
}
