using System.Text;
using System.Text.Json;
using Hadal.Inference.Chat.Parsing;

namespace Hadal.Tests.Inference.Chat;

public sealed class ResponseParserTests
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };
    private static readonly string[] s_names = ["search", "now"];

    // What a template has to say for its format to be known.
    private static readonly Dictionary<string, string> s_templates = new()
    {
        ["hermes"] = "<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>",
        ["deepseek"] = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>```json<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        ["deepseek v3.1"] = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜><｜tool▁sep｜><｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        ["dsml"] = "{%- set dsml_token = '｜DSML｜' -%}{{- '<' + dsml_token + 'function_calls>\\n' -}}{{- 'invoke name=\"' }}",
        ["llama"] = "<|python_tag|> '\"parameters\": ' ",
    };

    public static TheoryData<string> Formats => [.. s_templates.Keys];

    [Theory]
    [InlineData("unsaid", "<think>\nLet me see.\n</think>\n\nIt is 4.", "Let me see.", "It is 4.")]
    [InlineData("unsaid", " \n<think>a < b </ thin</think>c", "a < b </ thin", "c")]
    [InlineData("unsaid", "Plain, with <think> inside </think>.", "", "Plain, with <think> inside </think>.")]
    [InlineData("unsaid", "  indented", "", "  indented")]
    [InlineData("unsaid", "<thin", "", "<thin")]
    [InlineData("unsaid", " \n", "", " \n")]
    [InlineData("unsaid", "<think></think>\n\nYes", "", "Yes")]
    [InlineData("unsaid", "<think>never closed, cut </thi", "never closed, cut </thi", "")]
    [InlineData("opened", "\nHm.\n\nWell.\n</think>\n\nYes</think>", "Hm.\n\nWell.", "Yes</think>")]
    [InlineData("opened", "cut off ", "cut off", "")]
    [InlineData("opened", "</think>Yes", "", "Yes")]
    [InlineData("closed", "<think>is text here</think>", "", "<think>is text here</think>")]
    [InlineData("unsaid", "", "", "")]
    public void Thoughts_are_taken_from_what_is_said_however_the_text_is_cut(string tags, string text, string reasoning, string content)
    {
        foreach (string[] pieces in Cuts(text, seed: 1))
        {
            Parsed parsed = Parse(new ResponseParser(Enum.Parse<ThinkTags>(tags, ignoreCase: true), null), pieces);
            Assert.Equal((reasoning, content), (parsed.Reasoning, parsed.Content));
            Assert.Empty(parsed.Calls);
        }
    }

    [Fact]
    public void What_is_certain_is_told_at_once()
    {
        ResponseParser parser = new(ThinkTags.Unsaid, null);
        Assert.Empty(parser.Add("<think>"));
        Assert.True(parser.IsReasoning);
        Assert.Equal([new ResponsePart(Reasoning: "One,")], parser.Add("One, "));
        Assert.Equal([new ResponsePart(Reasoning: " two.")], parser.Add("two.\n"));
        Assert.Empty(parser.Add("</"));
        Assert.Empty(parser.Add("think>"));
        Assert.False(parser.IsReasoning);
        Assert.Equal([new ResponsePart(Content: "Three ")], parser.Add("\n\nThree "));
        Assert.Empty(parser.Finish());
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Thoughts_content_and_calls_of_random_responses_are_those_that_were_written(string format)
    {
        Random random = new(7);
        for (int i = 0; i < 200; i++)
        {
            bool thinks = random.Next(2) == 0;
            string reasoning = thinks ? Words(random) : "";
            string content = random.Next(3) == 0 || format == "llama" ? "" : Words(random);
            (string Name, string Arguments)[] calls =
                [.. Enumerable.Range(0, random.Next(format == "llama" ? 1 : 0, 4)).Select(_ => (s_names[random.Next(2)], Arguments(random, format)))];
            StringBuilder text = new();
            if (thinks) text.Append("<think>\n").Append(reasoning).Append("\n</think>\n\n");
            text.Append(content);
            if (calls.Length > 0) text.Append(content.Length > 0 ? "\n\n" : "").Append(Written(format, calls));
            foreach (string[] pieces in Cuts(text.ToString(), seed: i).Take(4))
            {
                Parsed parsed = Parse(Parser(format), pieces);
                Assert.Equal((reasoning, content), (parsed.Reasoning, parsed.Content));
                Assert.Equal(calls.Select(call => call.Name), parsed.Calls.Select(call => call.Name));
                foreach ((string Name, string Arguments) call in calls)
                {
                    Assert.Contains(parsed.Calls, found => JsonElement.DeepEquals(Json(call.Arguments), Json(found.Arguments)));
                }
            }
        }
    }

    [Theory]
    [InlineData("hermes", "Well <tool_call>{\"name\": \"search\"")]
    [InlineData("hermes", "<tool_call>not json</tool_call> and on")]
    [InlineData("hermes", "<tool_call>[1, 2]</tool_call>")]
    [InlineData("hermes", "<tool_call>{\"arguments\": {}}</tool_call>")]
    [InlineData("hermes", "<tool_call>{\"name\": \"search\", \"arguments\": [1]}</tool_call>")]
    [InlineData("hermes", "<tool_call>{\"name\": \"\\ud800\", \"arguments\": {}}</tool_call>")]
    [InlineData("hermes", "a <tool_ b </tool_call> c")]
    [InlineData("deepseek", "<｜tool▁calls▁begin｜>nothing<｜tool▁calls▁end｜>")]
    [InlineData("deepseek", "<｜tool▁call▁begin｜>function<｜tool▁sep｜>search\n```json\n{\"a\": <｜tool▁call▁end｜>")]
    [InlineData("deepseek", "<｜tool▁call▁begin｜>no separator<｜tool▁call▁end｜>")]
    [InlineData("dsml", "<｜DSML｜invoke name=\"search\">\n<｜DSML｜parameter name=\"a\" string=\"false\">{</｜DSML｜parameter>\n</｜DSML｜invoke>")]
    [InlineData("dsml", "<｜DSML｜invoke name=\"search\n</｜DSML｜invoke>")]
    [InlineData("llama", "{\"name\": \"search\", \"parameters\": {}")]
    [InlineData("llama", "{\"name\": \"unknown\", \"parameters\": {}}")]
    [InlineData("llama", "{\"name\": \"search\", \"parameters\": {}} and more")]
    [InlineData("llama", "{\"city\": \"Bern\"}")]
    [InlineData("llama", "Text {\"name\": \"search\", \"parameters\": {}}")]
    public void What_is_no_whole_call_is_content_to_the_last_character(string format, string text)
    {
        foreach (string[] pieces in Cuts(text, seed: 3))
        {
            Parsed parsed = Parse(Parser(format), pieces);
            Assert.Equal(("", text), (parsed.Reasoning, parsed.Content));
            Assert.Empty(parsed.Calls);
        }
    }

    [Fact]
    public void A_closing_marker_within_the_arguments_does_not_end_a_call()
    {
        string text = "<tool_call>\n{\"name\": \"search\", \"arguments\": {\"q\": \"</tool_call> <tool_call>\"}}\n</tool_call>";
        foreach (string[] pieces in Cuts(text, seed: 5))
        {
            Parsed parsed = Parse(Parser("hermes"), pieces);
            Assert.Equal("", parsed.Content);
            Assert.Equal("</tool_call> <tool_call>", Json(Assert.Single(parsed.Calls).Arguments).GetProperty("q").GetString());
        }
    }

    [Fact]
    public void Calls_have_ids_of_their_own()
    {
        string call = "<tool_call>{\"name\": \"now\"}</tool_call>";
        Parsed parsed = Parse(Parser("hermes"), [call + call]);
        Assert.Equal(2, parsed.Calls.Select(c => c.Id).Distinct().Count());
        Assert.All(parsed.Calls, c => Assert.Equal("{}", c.Arguments));
    }

    [Fact]
    public void Random_markup_neither_fails_nor_depends_on_the_cut_nor_loses_a_word()
    {
        string[] parts =
        [
            "<think>", "</think>", "<tool_call>", "</tool_call>", "{\"name\": \"now\"}", "{", "}", " ", "\n", "word", "<", "</", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>",
            "<｜tool▁sep｜>", "now", "```json\n{}\n```", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>", "<｜DSML｜function_calls>", "<｜DSML｜invoke name=\"now\">", "</｜DSML｜invoke>", "😀",
        ];
        Random random = new(11);
        for (int i = 0; i < 2000; i++)
        {
            string format = s_templates.Keys.ElementAt(random.Next(s_templates.Count));
            ThinkTags tags = (ThinkTags)random.Next(3);
            string text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => parts[random.Next(parts.Length)]));
            Parsed whole = Parse(Parser(format, tags), [text]);
            foreach (string[] pieces in Cuts(text, seed: i).Take(3))
            {
                Parsed cut = Parse(Parser(format, tags), pieces);
                Assert.Equal((whole.Reasoning, whole.Content), (cut.Reasoning, cut.Content));
                Assert.Equal(whole.Calls.Select(c => (c.Name, c.Arguments)), cut.Calls.Select(c => (c.Name, c.Arguments)));
            }

            Assert.Equal(Count(text), Count(whole.Reasoning) + Count(whole.Content));
        }

        static int Count(string text) => text.Split("word").Length - 1;
    }

    [Theory]
    [InlineData("plain text")]
    [InlineData("<tool_call>\n<function=example>\n</function></tool_call>")]
    [InlineData("<tool_call>{name}\n<arg_key>k</arg_key></tool_call>")]
    public void A_template_that_writes_calls_otherwise_has_no_format(string template) => Assert.Null(ToolCallFormat.Of(template));

    private static ResponseParser Parser(string format, ThinkTags tags = ThinkTags.Unsaid) =>
        new(tags, ToolCallFormat.Of(s_templates[format])!.CreateReader(s_names.ToHashSet()));

    private static Parsed Parse(ResponseParser parser, IEnumerable<string> pieces)
    {
        List<ResponsePart> parts = [.. pieces.SelectMany(parser.Add), .. parser.Finish()];
        Assert.DoesNotContain(parts, part => part.Reasoning is "" || part.Content is "");
        return new Parsed(
            string.Concat(parts.Select(part => part.Reasoning)), string.Concat(parts.Select(part => part.Content)),
            [.. parts.Select(part => part.Call).OfType<Hadal.Inference.Chat.ToolCall>()]);
    }

    // Whole, character by character, and at random places.
    private static IEnumerable<string[]> Cuts(string text, int seed)
    {
        yield return [text];
        yield return [.. text.EnumerateRunes().Select(rune => rune.ToString())];
        Random random = new(seed);
        for (int i = 0; i < 6; i++)
        {
            List<string> pieces = [""];
            foreach (Rune rune in text.EnumerateRunes())
            {
                if (random.Next(5) == 0) pieces.Add("");
                pieces[^1] += rune;
            }

            yield return [.. pieces];
        }
    }

    private static string Words(Random random)
    {
        string[] words = ["one", "two <b>", "a < b", "{json}", "naïve", "😀", "</p>", "\"quoted\"", "<tool", "end."];
        return string.Join(random.Next(2) == 0 ? " " : "\n", Enumerable.Range(0, random.Next(1, 9)).Select(_ => words[random.Next(words.Length)]));
    }

    private static string Arguments(Random random, string format)
    {
        Dictionary<string, object?> arguments = [];
        object?[] values = [1, 2.5, true, null, "text", "line\nbreak \"quoted\" <x>", new[] { 1, 2 }, new Dictionary<string, string> { ["k"] = "v" }];
        for (int i = random.Next(4); i > 0; i--) arguments[$"key{i}"] = values[random.Next(values.Length)];
        return format == "dsml" ? JsonSerializer.Serialize(arguments) : JsonSerializer.Serialize(arguments, random.Next(2) == 0 ? s_indented : null);
    }

    private static string Written(string format, (string Name, string Arguments)[] calls) => format switch
    {
        "hermes" => string.Join('\n', calls.Select(call => $"<tool_call>\n{{\"name\": \"{call.Name}\", \"arguments\": {call.Arguments}}}\n</tool_call>")),
        "llama" => string.Join("; ", calls.Select(call => $"{{\"name\": \"{call.Name}\", \"parameters\": {call.Arguments}}}")),
        "dsml" => $"<｜DSML｜function_calls>\n{string.Concat(calls.Select(Dsml))}</｜DSML｜function_calls>",
        "deepseek" => "<｜tool▁calls▁begin｜>" + string.Join('\n', calls.Select(call =>
            $"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{call.Name}\n```json\n{call.Arguments}\n```<｜tool▁call▁end｜>")) + "<｜tool▁calls▁end｜>",
        _ => "<｜tool▁calls▁begin｜>" + string.Concat(calls.Select(call =>
            $"<｜tool▁call▁begin｜>{call.Name}<｜tool▁sep｜>{call.Arguments}<｜tool▁call▁end｜>")) + "<｜tool▁calls▁end｜>",
    };

    private static string Dsml((string Name, string Arguments) call)
    {
        IEnumerable<string> parameters = Json(call.Arguments).EnumerateObject().Select(argument => argument.Value.ValueKind == JsonValueKind.String
            ? $"<｜DSML｜parameter name=\"{argument.Name}\" string=\"true\">{argument.Value.GetString()}</｜DSML｜parameter>\n"
            : $"<｜DSML｜parameter name=\"{argument.Name}\" string=\"false\">{argument.Value.GetRawText()}</｜DSML｜parameter>\n");
        return $"<｜DSML｜invoke name=\"{call.Name}\">\n{string.Concat(parameters)}</｜DSML｜invoke>\n";
    }

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;

    private sealed record Parsed(string Reasoning, string Content, List<Hadal.Inference.Chat.ToolCall> Calls);
}
