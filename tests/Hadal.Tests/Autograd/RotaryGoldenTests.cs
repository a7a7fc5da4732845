using System.Text.Json;
using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Tests.Autograd;

/// <summary>Rotary embedding against two other implementations.</summary>
public sealed class RotaryGoldenTests
{
    [SkippableTheory]
    [InlineData("q", "q_half_split_neox", RotaryLayout.HalfSplit)]
    [InlineData("k", "k_half_split_neox", RotaryLayout.HalfSplit)]
    [InlineData("q", "q_deepseek_complex_interleaved", RotaryLayout.Interleaved)]
    public void Both_layouts_rotate_as_the_models_that_use_them(string input, string output, RotaryLayout layout)
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require("rope/apply.json")));
        (float[] x, int tokens, int heads) = Rows(golden.RootElement.GetProperty(input)[0]);
        (float[] expected, _, _) = Rows(golden.RootElement.GetProperty(output)[0]);
        float[] inverse = [.. golden.RootElement.GetProperty("inv_freq").EnumerateArray().Select(f => f.GetSingle())];

        // Tables in descending order of the position, so that a token's row in them is not its position.
        float[] angles = [.. Enumerable.Range(0, tokens).Reverse().SelectMany(position => inverse.Select(f => position * f))];
        Shape table = new(tokens, inverse.Length);
        RotaryAngles turns = new(
            Tensor.Create(table, angles.Select(MathF.Cos).ToArray()), Tensor.Create(table, angles.Select(MathF.Sin).ToArray()), layout,
            Enumerable.Range(0, tokens).Reverse().ToArray());
        using WorkerPool pool = new(2);
        using Graph g = new(pool, recording: false);
        Tensor y = g.Rotary(Tensor.Create(new Shape(tokens, x.Length / tokens), x), heads, 0, turns);

        // Values below 4; sines and cosines of two libraries, and three roundings each.
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], y.Span[i], 2e-6f);
    }

    // [heads][tokens][lanes] to rows of heads side by side.
    private static (float[] Values, int Tokens, int Heads) Rows(JsonElement array)
    {
        int heads = array.GetArrayLength(), tokens = array[0].GetArrayLength();
        float[] values =
        [
            .. Enumerable.Range(0, tokens).SelectMany(t => Enumerable.Range(0, heads).SelectMany(h => array[h][t].EnumerateArray()))
                .Select(value => value.GetSingle()),
        ];
        return (values, tokens, heads);
    }
}
