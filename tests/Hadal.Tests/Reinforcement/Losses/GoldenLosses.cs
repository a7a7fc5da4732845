using System.Text.Json;

namespace Hadal.Tests.Reinforcement.Losses;

/// <summary>Reads goldens/losses: inputs and results of other people's losses, padded to rectangles.</summary>
internal static class GoldenLosses
{
    public static JsonElement Read(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require($"losses/{name}.json")));
        return document.RootElement.Clone();
    }

    /// <summary>All numbers of a nested list, in order.</summary>
    public static float[] Floats(JsonElement list) => [.. Numbers(list)];

    public static int[] Integers(JsonElement list) => [.. Numbers(list).Select(static x => (int)x)];

    /// <summary>The rows of a list of lists where a mask of the same shape is 1, one after the other.</summary>
    public static float[] Unpadded(JsonElement list, bool[] kept) => [.. Floats(list).Where((_, i) => kept[i])];

    public static bool[] Mask(JsonElement list, int keep = 1) => [.. Integers(list).Select(x => x == keep)];

    /// <summary>How many of each row of a mask are kept.</summary>
    public static int[] Lengths(bool[] mask, int rows) => [.. mask.Chunk(mask.Length / rows).Select(static row => row.Count(static kept => kept))];

    public static double Number(JsonElement element, string name) => element.GetProperty(name).GetDouble();

    /// <summary>Fails unless every element is within an absolute tolerance.</summary>
    public static void Close(ReadOnlySpan<float> expected, ReadOnlySpan<float> found, double tolerance, string what)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs((double)expected[i] - found[i]) <= tolerance)) Assert.Fail($"{what}, element {i}: expected {expected[i]:R}, found {found[i]:R}");
        }
    }

    private static IEnumerable<float> Numbers(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Numbers),
        JsonValueKind.True => [1],
        JsonValueKind.False => [0],
        _ => [element.GetSingle()],
    };
}
