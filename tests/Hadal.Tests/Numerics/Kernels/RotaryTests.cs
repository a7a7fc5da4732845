using System.Text.Json;
using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

[Trait("Category", "Kernels")]
public sealed class RotaryTests
{
    [Theory]
    [InlineData(RotaryLayout.HalfSplit)]
    [InlineData(RotaryLayout.Interleaved)]
    public void Every_width_equals_the_formula_and_leaves_other_lanes_alone(RotaryLayout layout)
    {
        for (int pairs = 0; pairs <= 80; pairs++)
        {
            const int heads = 3, offset = 5;
            int headDim = offset + 2 * pairs + 3;
            Matrix x = Sample.Random(pairs, 2, heads * headDim), before = Sample.CopyOf(x);
            Matrix cos = Sample.Random(1, 4, pairs, 2), sin = Sample.Random(2, 4, pairs, 2);
            Rotary.Apply(Sample.Pool, x, x, heads, headDim, offset, 2 * pairs, [3, 1], cos, sin, layout);
            for (int t = 0; t < 2; t++)
            {
                double[] expected = Sample.Doubles(before.Row(t));
                for (int head = 0; head < heads; head++)
                {
                    for (int i = 0; i < pairs; i++)
                    {
                        int a = head * headDim + offset + (layout == RotaryLayout.HalfSplit ? i : 2 * i);
                        int b = layout == RotaryLayout.HalfSplit ? a + pairs : a + 1;
                        double c = cos.Row(t == 0 ? 3 : 1)[i], s = sin.Row(t == 0 ? 3 : 1)[i];
                        (expected[a], expected[b]) = (expected[a] * c - expected[b] * s, expected[b] * c + expected[a] * s);
                    }
                }

                // Two products of at most 2 and their difference, each rounded once.
                for (int i = 0; i < expected.Length; i++)
                {
                    Sample.AssertNear(expected[i], x.Row(t)[i], 8 * Sample.Unit, $"{layout}, {pairs} pairs, [{t}, {i}]");
                }
            }

            Matrix apart = Sample.Random(3, 2, heads * headDim);
            Rotary.Apply(Sample.Pool, before, apart, heads, headDim, offset, 2 * pairs, [3, 1], cos, sin, layout);
            for (int t = 0; t < 2; t++) Assert.True(apart.Row(t).SequenceEqual(x.Row(t)), $"{layout}, {pairs} pairs: apart from x the result differs");
            Sample.AssertNothingWrittenBetweenRows(x);
            Sample.AssertNothingWrittenBetweenRows(apart);
        }
    }

    [Theory]
    [InlineData(RotaryLayout.HalfSplit)]
    [InlineData(RotaryLayout.Interleaved)]
    public void The_inverse_is_the_transpose(RotaryLayout layout)
    {
        // <R x, y> = <x, R^T y> with tables that are no rotation (amplitude 1.3 on some lanes).
        const int heads = 2, headDim = 50;
        Matrix x = Sample.Random(1, 3, heads * headDim), y = Sample.Random(2, 3, heads * headDim);
        Matrix cos = Sample.Random(3, 9, 21, 1.3f), sin = Sample.Random(4, 9, 21, 1.3f);
        Matrix forward = Sample.CopyOf(x), backward = Sample.CopyOf(y);
        Rotary.Apply(Sample.Pool, forward, forward, heads, headDim, 4, 42, [8, 0, 5], cos, sin, layout);
        Rotary.Apply(Sample.Pool, backward, backward, heads, headDim, 4, 42, [8, 0, 5], cos, sin, layout, inverse: true);

        // A hundred terms of at most 2.6 with three roundings each.
        for (int t = 0; t < 3; t++) Sample.AssertNear(Dot(forward.Row(t), y.Row(t)), (float)Dot(x.Row(t), backward.Row(t)), 5e-5, "dot");
    }

    [Fact]
    public void Workers_and_other_rows_change_no_bit()
    {
        const int heads = 7, headDim = 37, rows = 90;
        Matrix x = Sample.Random(1, rows, heads * headDim), cos = Sample.Random(2, rows, 17), sin = Sample.Random(3, rows, 17);
        int[] positions = [.. Enumerable.Range(0, rows).Select(t => (t * 31) % rows)];
        foreach (RotaryLayout layout in Enum.GetValues<RotaryLayout>())
        {
            Matrix Apply(WorkerPool pool, int start, int count)
            {
                Matrix y = Sample.CopyOf(x.RowRange(start, count));
                Rotary.Apply(pool, y, y, heads, headDim, 2, 34, positions.AsSpan(start, count), cos, sin, layout);
                return y;
            }

            Sample.AssertSameForAnyWorkerCount(pool => Apply(pool, 0, rows));
            Sample.AssertRowsAreIndependent(rows, (start, count) => Apply(Sample.Pool, start, count));
        }
    }

    [SkippableFact]
    public void Both_layouts_equal_other_implementations()
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(Goldens.Require("rope/apply.json")));
        float[] frequencies = [.. golden.RootElement.GetProperty("inv_freq").EnumerateArray().Select(v => v.GetSingle())];
        JsonElement q = golden.RootElement.GetProperty("q")[0];
        int heads = q.GetArrayLength(), tokens = q[0].GetArrayLength(), dim = q[0][0].GetArrayLength();
        Matrix cos = Sample.Empty(tokens, dim / 2), sin = Sample.Empty(tokens, dim / 2);
        for (int t = 0; t < tokens; t++)
        {
            for (int i = 0; i < dim / 2; i++)
            {
                cos.Row(t)[i] = MathF.Cos(t * frequencies[i]);
                sin.Row(t)[i] = MathF.Sin(t * frequencies[i]);
            }
        }

        int[] positions = [.. Enumerable.Range(0, tokens)];
        foreach ((RotaryLayout layout, string name) in ((RotaryLayout, string)[])
            [(RotaryLayout.HalfSplit, "q_half_split_neox"), (RotaryLayout.Interleaved, "q_deepseek_complex_interleaved")])
        {
            Matrix x = Flatten(q), expected = Flatten(golden.RootElement.GetProperty(name)[0]);
            Rotary.Apply(Sample.Pool, x, x, heads, dim, 0, dim, positions, cos, sin, layout);

            // Values below 4; two tables from different libraries, four roundings.
            for (int t = 0; t < tokens; t++)
            {
                for (int i = 0; i < heads * dim; i++) Sample.AssertNear(expected.Row(t)[i], x.Row(t)[i], 2e-6, $"{name} [{t}, {i}]");
            }
        }
    }

    [Fact]
    public void Positions_outside_the_tables_and_lanes_outside_the_head_are_refused()
    {
        Matrix x = Sample.Empty(1, 16), table = Sample.Empty(4, 4);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => Rotary.Apply(Sample.Pool, x, x, 2, 8, 0, 8, [4], table, table, RotaryLayout.HalfSplit));
        Assert.Throws<ArgumentException>(() => Rotary.Apply(Sample.Pool, x, x, 2, 8, 1, 8, [0], table, table, RotaryLayout.HalfSplit));
        Assert.Throws<ArgumentException>(() => Rotary.Apply(Sample.Pool, x, x, 2, 8, 0, 7, [0], table, table, RotaryLayout.HalfSplit));
        Assert.Throws<ArgumentException>(() => Rotary.Apply(Sample.Pool, x, x, 2, 8, 0, 8, [0, 1], table, table, RotaryLayout.HalfSplit));
    }

    // [heads][tokens][dim] to rows of heads side by side.
    private static Matrix Flatten(JsonElement array)
    {
        int heads = array.GetArrayLength(), tokens = array[0].GetArrayLength(), dim = array[0][0].GetArrayLength();
        Matrix matrix = Sample.Empty(tokens, heads * dim);
        for (int head = 0; head < heads; head++)
        {
            for (int t = 0; t < tokens; t++)
            {
                for (int i = 0; i < dim; i++) matrix.Row(t)[head * dim + i] = array[head][t][i].GetSingle();
            }
        }

        return matrix;
    }

    private static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) sum += (double)a[i] * b[i];
        return sum;
    }
}
