using System.Text.Json;
using Hadal.Models;
using Xunit.Abstractions;

namespace Hadal.Tests.Models;

/// <summary>
/// Tables of transformers' rotary rules, DeepSeek-V3's among them. A frequency that is off by one unit in the last place can turn by a
/// hundredth of a radian at position 163,839, so frequencies must have the same bits. For cosine and sine of the same F32 angle the
/// two libraries may round differently by one unit (2^-24 below 1), and the product with an amplitude below 2 rounds once more.
/// </summary>
public sealed class RotaryFrequenciesTests(ITestOutputHelper output)
{
    private const double Tolerance = 1.8e-7; // 3 · 2^-24

    // PyTorch's vectorised power promises 1 unit, ours the nearest float. They differ once, for 1e6^(74/128), which lies within a fiftieth
    // of a unit of the middle between two floats: there the nearest is taken, and the reference's table has its neighbour.
    [Fact]
    public void Frequencies_have_the_same_bits_as_the_reference_but_where_the_power_is_a_near_tie()
    {
        int tables = 0, ties = 0;
        foreach ((string name, JsonElement table, RopeConfig rope) in Tables())
        {
            float[] expected = Floats(table.GetProperty("inv_freq")), actual = RotaryFrequencies.Inverse(rope, table.GetProperty("dim").GetInt32());
            Assert.Equal(expected.Length, actual.Length);
            for (int d = 0; d < expected.Length; d++)
            {
                int ulps = BitConverter.SingleToInt32Bits(actual[d]) - BitConverter.SingleToInt32Bits(expected[d]);
                if (Math.Abs(ulps) == 1 && IsNearTie(Math.Pow(rope.Theta, 2.0 * d / table.GetProperty("dim").GetInt32())))
                {
                    ties++;
                    continue;
                }

                Assert.True(ulps == 0, $"{name}: frequency {d} is {actual[d]:R}, expected {expected[d]:R}: {ulps} units off");
            }

            tables++;
        }

        Assert.Equal(11, tables);
        Assert.True(ties <= 2, $"{ties} near ties");
    }

    [Fact]
    public void Cosines_and_sines_equal_the_reference_at_positions_up_to_163839()
    {
        double worst = 0;
        foreach ((string name, JsonElement table, RopeConfig rope) in Tables())
        {
            float[] inverse = Floats(table.GetProperty("inv_freq"));
            int[] positions = [.. table.GetProperty("positions").EnumerateArray().Select(p => p.GetInt32())];
            Assert.Contains(163839, positions);
            float[] cos = new float[positions.Length * inverse.Length], sin = new float[cos.Length];
            RotaryFrequencies.FillTables(inverse, RotaryFrequencies.Amplitude(rope), positions, cos, sin);
            for (int p = 0; p < positions.Length; p++)
            {
                float[] expectedCos = Floats(table.GetProperty("cos")[p]), expectedSin = Floats(table.GetProperty("sin")[p]);
                for (int d = 0; d < inverse.Length; d++)
                {
                    double difference = Math.Max(
                        Math.Abs(cos[p * inverse.Length + d] - (double)expectedCos[d]), Math.Abs(sin[p * inverse.Length + d] - (double)expectedSin[d]));
                    Assert.True(difference <= Tolerance, $"{name}: position {positions[p]}, pair {d} is off by {difference:E2}");
                    worst = Math.Max(worst, difference);
                }
            }
        }

        output.WriteLine($"largest difference {worst:E2}");
    }

    [Fact]
    public void Amplitude_and_softmax_factor_equal_the_reference()
    {
        int factors = 0;
        foreach ((string name, JsonElement table, RopeConfig rope) in Tables())
        {
            Assert.Equal((float)table.GetProperty("attention_factor").GetDouble(), RotaryFrequencies.Amplitude(rope));
            if (!table.TryGetProperty("deepseek_softmax_scale_multiplier", out JsonElement multiplier)) continue;
            double relative = RotaryFrequencies.SoftmaxScaleFactor(rope) / multiplier.GetDouble() - 1;
            Assert.True(Math.Abs(relative) < 1e-15, $"{name}: softmax factor off by {relative:E2}");
            factors++;
        }

        Assert.Equal(6, factors);
    }

    [Fact]
    public void An_attention_factor_that_is_given_replaces_the_formula()
    {
        RopeConfig rope = new() { Kind = RopeKind.Yarn, Factor = 40, AttentionFactor = 1.5, Mscale = 1, MscaleAllDim = 0.5 };
        Assert.Equal(1.5f, RotaryFrequencies.Amplitude(rope));
    }

    // Each table's settings go through a config.json, so that reading them is tested too.
    private static IEnumerable<(string Name, JsonElement Table, RopeConfig Rope)> Tables()
    {
        string golden = Path.Combine(Goldens.Folder ?? "", "rope", "rope.json");
        string path = File.Exists(golden) ? golden : Path.Combine(AppContext.BaseDirectory, "Fixtures", "rope", "rope.json");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        foreach (JsonElement table in document.RootElement.GetProperty("tables").EnumerateArray())
        {
            ModelConfig config = ConfigText.Llama
                .With("rope_theta", table.GetProperty("rope_theta").GetRawText())
                .With("max_position_embeddings", table.GetProperty("max_position_embeddings").GetRawText())
                .With("rope_scaling", table.GetProperty("rope_scaling").GetRawText())
                .Read();
            yield return (table.GetProperty("name").GetString()!, table, config.Rope);
        }
    }

    private static bool IsNearTie(double power)
    {
        float rounded = (float)power;
        double unit = MathF.BitIncrement(rounded) - (double)rounded;
        return Math.Abs(Math.Abs(power - rounded) / unit - 0.5) < 0.02;
    }

    private static float[] Floats(JsonElement values) => [.. values.EnumerateArray().Select(v => (float)v.GetDouble())];
}
