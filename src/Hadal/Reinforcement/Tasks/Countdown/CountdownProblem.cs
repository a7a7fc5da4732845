using System.Text.Json;

namespace Hadal.Reinforcement.Tasks.Countdown;

/// <summary>Numbers, each to be used at most once, and the target that an expression of them must equal.</summary>
/// <param name="Prompt">What the model is asked.</param>
/// <param name="Answer">An expression that solves it; empty if none is known.</param>
/// <param name="Numbers">The numbers given.</param>
/// <param name="Target">The target.</param>
public sealed record CountdownProblem(string Prompt, string Answer, IReadOnlyList<int> Numbers, int Target) : Problem(Prompt, Answer)
{
    /// <summary>Most numbers that a problem can have.</summary>
    public const int MostNumbers = 16;

    /// <summary>Largest number and target.</summary>
    public const int LargestNumber = 1_000_000;

    /// <summary>The problem as a line of a file: <c>{"numbers":[3,7,25],"target":46}</c>.</summary>
    public string ToJson() => $$"""{"numbers":[{{string.Join(',', Numbers)}}],"target":{{Target}}}""";

    /// <summary>Reads a line as <see cref="ToJson"/> writes it; further properties are left alone.</summary>
    /// <exception cref="FormatException">The line is something else; the message is the rest of a sentence that begins with the
    /// place.</exception>
    internal static (int[] Numbers, int Target) ParseJson(string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw new FormatException($"found {root.ValueKind}, expected an object with numbers and target");
            if (!root.TryGetProperty("numbers", out JsonElement list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is < 1 or > MostNumbers)
            {
                throw new FormatException($"expected numbers, a list of 1 to {MostNumbers} whole numbers");
            }

            int[] numbers = [.. list.EnumerateArray().Select(static n => Whole(n, 0, "a number"))];
            if (!root.TryGetProperty("target", out JsonElement target)) throw new FormatException("there is no target");
            return (numbers, Whole(target, -LargestNumber, "the target"));
        }
        catch (JsonException e)
        {
            throw new FormatException($"this is no JSON: {e.Message.TrimEnd('.')}", e);
        }
    }

    private static int Whole(JsonElement element, int least, string what) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int value) && value >= least && value <= LargestNumber
            ? value
            : throw new FormatException($"{what} is {element.GetRawText()}, expected a whole number from {least} to {LargestNumber}");
}
