using Hadal.Tokenization.Templates;

namespace Hadal.Tests.Tokenization.Templates;

/// <summary>
/// Broken templates, made from real ones with a fixed seed: whatever they are, only a <see cref="TemplateException"/> comes out.
/// </summary>
public sealed class TemplateFuzzTests
{
    private const int Mutations = 8000;

    private static readonly string[] _pieces =
    [
        "{{", "}}", "{%", "%}", "{#", "#}", "-%}", "{%-", "(", ")", "[", "]", "{", "}", "'", "\"", "\\", "|", ".", ",", ":", "=", "==", "not ",
        " in ", " is ", " if ", " else ", "loop.last", "messages", "namespace(", "range(99999)", "|tojson", "|length", "|first", "[::-1]", "[0]",
        ".items()", ".split('')", "{% endfor %}", "{% for x in messages %}", "{% set messages = [messages] %}", "{% macro m() %}", "* 999999",
        "** 99", "// 0", "- 1", "none", "true", "undefined", "1e999", "99999999999", "\ud800", "😀", "\0", "{% raw %}", "{% break %}",
        "{% generation %}", "|map('tojson')", "|dictsort", "|indent(99)", "raise_exception('x')",
    ];

    private static readonly IReadOnlyList<ChatMessage> _messages = Chat.Messages("""
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "w", "arguments": {"city": "Zürich", "days": [1, 2.5, null]}}}]},
            {"role": "tool", "content": "sunny", "tool_call_id": "1"},
            {"role": "assistant", "content": "<think>so</think>Sunny."},
            {"role": "user", "content": "Thanks 😀"}
        ]
        """);

    [Fact]
    public void Mutated_templates_render_or_are_refused()
    {
        IReadOnlyList<string> sources = TemplateFiles.Sources;
        Assert.NotEmpty(sources);
        Random random = new(20250122);
        ChatTemplateOptions options = Chat.Options("""{"tools": [{"type": "function", "function": {"name": "w", "parameters": {"a": 1}}}]}""") with
        {
            MaxSteps = 200_000,
        };
        int rendered = 0;
        int parsed = 0;
        for (int i = 0; i < Mutations; i++)
        {
            string source = Mutate(random, sources);
            try
            {
                ChatTemplate template = ChatTemplate.Parse(source, "mutated");
                parsed++;
                template.Render(_messages, random.Next(2) == 0, options);
                rendered++;
            }
            catch (TemplateException)
            {
                // What most of them deserve.
            }
            catch (Exception e)
            {
                Assert.Fail($"mutation {i} ends in {e.GetType()}: {e}\n{source}");
            }
        }

        // Were nearly all refused by the parser, nothing behind it would have been tried.
        Assert.InRange(parsed, Mutations / 10, Mutations);
        Assert.InRange(rendered, Mutations / 50, Mutations);
    }

    private static string Mutate(Random random, IReadOnlyList<string> sources)
    {
        string source = sources[random.Next(sources.Count)];
        for (int edits = random.Next(1, 4); edits > 0; edits--)
        {
            int at = random.Next(source.Length + 1);
            int end = Math.Min(source.Length, at + random.Next(1, 30));
            source = random.Next(6) switch
            {
                0 => source.Remove(at, end - at),
                1 => source.Insert(at, source[at..end]),
                2 => source.Insert(at, _pieces[random.Next(_pieces.Length)]),
                3 => source[..at] + _pieces[random.Next(_pieces.Length)] + source[end..],
                4 => Renamed(random, source),
                _ => source.Length > 0 && at < source.Length ? source[..at] + (char)random.Next(32, 127) + source[(at + 1)..] : source,
            };
        }

        return source;
    }

    // Swaps two words, so that what comes out often still parses.
    private static string Renamed(Random random, string source)
    {
        string[] words = source.Split(' ');
        string from = words[random.Next(words.Length)];
        return from.Length == 0 ? source : source.Replace(from, words[random.Next(words.Length)], StringComparison.Ordinal);
    }
}
