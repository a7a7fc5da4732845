using System.Text.Json;

namespace Hadal.Reinforcement.Tasks;

/// <summary>Problems from files of JSON: prompts and answers of one's own, and the formats in which GSM8K and MATH are published.</summary>
public static class ProblemFile
{
    /// <summary>Lines of <c>{"prompt": "...", "answer": "..."}</c>.</summary>
    /// <exception cref="ProblemFileException">The file can't be read or a line is something else.</exception>
    public static IReadOnlyList<Problem> ReadPromptsAndAnswers(string path) => Read(path, "prompt", static answer => answer);

    /// <summary>
    /// GSM8K (Cobbe et al. 2021): lines of <c>{"question": "...", "answer": "... #### 72"}</c>; the answer is the number after the marks.
    /// </summary>
    /// <exception cref="ProblemFileException">The file can't be read or a line is something else.</exception>
    public static IReadOnlyList<Problem> ReadGsm8k(string path) => Read(path, "question", static answer =>
        answer.LastIndexOf("####", StringComparison.Ordinal) is >= 0 and int marks
            ? answer[(marks + 4)..].Trim()
            : throw new FormatException("the answer has no #### before its result"));

    /// <summary>
    /// MATH (Hendrycks et al. 2021) and MATH-500: <c>{"problem": "...", "answer": "..."}</c>, a line each or one list of all.
    /// </summary>
    /// <exception cref="ProblemFileException">The file can't be read or a line is something else.</exception>
    public static IReadOnlyList<Problem> ReadMath(string path) => Read(path, "problem", static answer => answer);

    /// <summary>
    /// Reads a file line by line, leaving out empty lines; a <see cref="FormatException"/> becomes a sentence with the place.
    /// </summary>
    internal static List<T> ReadLines<T>(string path, Func<string, T> parse)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        List<T> items = [];
        int number = 0;
        try
        {
            foreach (string line in File.ReadLines(path))
            {
                number++;
                if (!string.IsNullOrWhiteSpace(line)) items.Add(parse(line));
            }
        }
        catch (FormatException e)
        {
            throw new ProblemFileException(path, $"line {number}: {e.Message}", e);
        }
        catch (Exception e) when (ProblemFileException.IsSystem(e))
        {
            throw ProblemFileException.FromSystem(path, e);
        }

        return items;
    }

    private static List<Problem> Read(string path, string promptName, Func<string, string> answerOf)
    {
        if (!BeginsWithList(path)) return ReadLines(path, line => WithJson(line, element => ParseProblem(element, promptName, answerOf)));
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (ProblemFileException.IsSystem(e))
        {
            throw ProblemFileException.FromSystem(path, e);
        }

        List<Problem> problems = [];
        try
        {
            WithJson(text, list =>
            {
                foreach (JsonElement element in list.EnumerateArray()) problems.Add(ParseProblem(element, promptName, answerOf));
                return problems;
            });
        }
        catch (FormatException e)
        {
            throw new ProblemFileException(path, $"entry {problems.Count}: {e.Message}", e);
        }

        return problems;
    }

    private static bool BeginsWithList(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using StreamReader reader = new(path);
            int c;
            do c = reader.Read(); while (c >= 0 && char.IsWhiteSpace((char)c));
            return c == '[';
        }
        catch (Exception e) when (ProblemFileException.IsSystem(e))
        {
            throw ProblemFileException.FromSystem(path, e);
        }
    }

    private static T WithJson<T>(string text, Func<JsonElement, T> read)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return read(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new FormatException($"this is no JSON: {e.Message.TrimEnd('.')}", e);
        }
    }

    private static Problem ParseProblem(JsonElement element, string promptName, Func<string, string> answerOf)
    {
        if (element.ValueKind != JsonValueKind.Object) throw new FormatException($"found {element.ValueKind}, expected an object with {promptName} and answer");
        return new Problem(Text(element, promptName), answerOf(Text(element, "answer")));
    }

    private static string Text(JsonElement element, string name)
    {
        if (!element.TryGetProperty(name, out JsonElement value)) throw new FormatException($"there is no {name}");
        string? text = value.ValueKind switch
        {
            JsonValueKind.String => TextOf(value, name),
            JsonValueKind.Number => value.GetRawText(),
            _ => throw new FormatException($"{name} is {value.ValueKind}, expected text"),
        };
        return string.IsNullOrWhiteSpace(text) ? throw new FormatException($"{name} is empty") : text;
    }

    private static string? TextOf(JsonElement value, string name)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException e)
        {
            // Half a surrogate pair or bytes that are no UTF-8.
            throw new FormatException($"{name} is no Unicode text", e);
        }
    }
}
