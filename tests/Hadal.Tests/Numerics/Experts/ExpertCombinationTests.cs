using Hadal.Numerics;
using Hadal.Tests.Numerics.Kernels;

namespace Hadal.Tests.Numerics.Experts;

[Trait("Category", "Kernels")]
public sealed class ExpertCombinationTests
{
    [Fact]
    public void A_small_case_by_hand()
    {
        // Two tokens with two experts each; token 0 uses rows 3 and 0, token 1 rows 1 and 2.
        Matrix rows = Rows([1, 10], [2, 20], [3, 30], [4, 40]), weights = Rows([0.5f, 2], [1, -1]), y = Sample.Empty(2, 2, fill: 7);
        int[] slots = [3, 0, 1, 2];
        ExpertCombination.Combine(Sample.Pool, rows, slots, weights, y);
        Assert.Equal([4, 40], y.Row(0).ToArray());   // 0.5 * (4, 40) + 2 * (1, 10)
        Assert.Equal([-1, -10], y.Row(1).ToArray()); // (2, 20) - (3, 30)

        // dy = (1, 2), (3, 4): each row gets weight * dy of its token; each weight dy · row, added to 100.
        Matrix dy = Rows([1, 2], [3, 4]), dRows = Sample.Empty(4, 2, fill: 7), dWeights = Sample.Empty(2, 2, fill: 100);
        ExpertCombination.Distribute(Sample.Pool, dy, slots, weights, dRows);
        Assert.Equal([2, 4], dRows.Row(0).ToArray());
        Assert.Equal([3, 4], dRows.Row(1).ToArray());
        Assert.Equal([-3, -4], dRows.Row(2).ToArray());
        Assert.Equal([0.5f, 1], dRows.Row(3).ToArray());
        ExpertCombination.AddWeightGradient(Sample.Pool, dy, slots, rows, dWeights);
        Assert.Equal([100 + 4 + 80, 100 + 1 + 20], dWeights.Row(0).ToArray());
        Assert.Equal([100 + 6 + 80, 100 + 9 + 120], dWeights.Row(1).ToArray());
    }

    [Fact]
    public void All_three_equal_the_formulas_at_every_length()
    {
        foreach (int d in Sample.Lengths.Where(n => n > 0 && n < 2100))
        {
            const int tokens = 3, topK = 4;
            int[] slots = Shuffled(d, tokens * topK);
            Matrix rows = Sample.Random(d, tokens * topK, d), weights = Sample.Random(d + 1, tokens, topK), dy = Sample.Random(d + 2, tokens, d);
            Matrix y = Sample.Empty(tokens, d, fill: 5), dRows = Sample.Empty(tokens * topK, d, fill: 5);
            Matrix dWeights = Sample.Random(d + 3, tokens, topK), before = Sample.CopyOf(dWeights);
            ExpertCombination.Combine(Sample.Pool, rows, slots, weights, y);
            ExpertCombination.Distribute(Sample.Pool, dy, slots, weights, dRows);
            ExpertCombination.AddWeightGradient(Sample.Pool, dy, slots, rows, dWeights);
            for (int t = 0; t < tokens; t++)
            {
                for (int c = 0; c < d; c++)
                {
                    // Four products of at most 1 and their sum: eight roundings of numbers below 4.
                    double expected = Enumerable.Range(0, topK).Sum(k => (double)weights.Row(t)[k] * rows.Row(slots[t * topK + k])[c]);
                    Sample.AssertNear(expected, y.Row(t)[c], 32 * Sample.Unit, $"y [{t}, {c}] of {d}");
                }

                for (int k = 0; k < topK; k++)
                {
                    int row = slots[t * topK + k];
                    double dot = before.Row(t)[k];
                    for (int c = 0; c < d; c++)
                    {
                        Assert.Equal(weights.Row(t)[k] * dy.Row(t)[c], dRows.Row(row)[c]);
                        dot += (double)dy.Row(t)[c] * rows.Row(row)[c];
                    }

                    // Each of d additions rounds a sum below 1 + d/3 at worst; random signs keep it near the root.
                    Sample.AssertNear(dot, dWeights.Row(t)[k], (d + 20) * (1 + Math.Sqrt(d)) * Sample.Unit, $"dWeights [{t}, {k}] of {d}");
                }
            }

            foreach (Matrix written in (Matrix[])[y, dRows, dWeights]) Sample.AssertNothingWrittenBetweenRows(written);
        }
    }

    [Fact]
    public void Distribution_is_the_transpose_of_combination()
    {
        // <combine(rows), dy> = <rows, distribute(dy)> = <weights, dWeights>: 6 * 3 * 37 terms below 1 in size, three roundings each.
        const int tokens = 6, topK = 3, d = 37;
        int[] slots = Shuffled(1, tokens * topK);
        Matrix rows = Sample.Random(1, tokens * topK, d), weights = Sample.Random(2, tokens, topK), dy = Sample.Random(3, tokens, d);
        Matrix y = Sample.Empty(tokens, d), dRows = Sample.Empty(tokens * topK, d), dWeights = Sample.Empty(tokens, topK);
        ExpertCombination.Combine(Sample.Pool, rows, slots, weights, y);
        ExpertCombination.Distribute(Sample.Pool, dy, slots, weights, dRows);
        ExpertCombination.AddWeightGradient(Sample.Pool, dy, slots, rows, dWeights);
        double expected = Dot(y, dy);
        Assert.Equal(expected, Dot(rows, dRows), 1e-4);
        Assert.Equal(expected, Dot(weights, dWeights), 1e-4);
    }

    [Fact]
    public void Adding_up_has_the_bits_of_adding_the_rows_one_by_one_in_their_order()
    {
        foreach ((int tokens, int topK, int d) in ((int, int, int)[])[(1, 1, 1), (3, 4, 16), (45, 3, 67), (200, 8, 192)])
        {
            int[] slots = Shuffled(d, tokens * topK), sources = new int[slots.Length];
            for (int i = 0; i < slots.Length; i++) sources[slots[i]] = i / topK;
            Matrix rows = Sample.Random(1, slots.Length, d), added = Sample.Random(2, tokens, d), expected = Sample.CopyOf(added);
            Embedding.ScatterAdd(Sample.Pool, rows, sources, expected);
            ExpertCombination.AddUp(Sample.Pool, rows, slots, added, accumulate: true);
            Sample.AssertSameBits(expected, added);

            Matrix fromZero = Sample.Empty(tokens, d), written = Sample.Empty(tokens, d, fill: float.NaN);
            Embedding.ScatterAdd(Sample.Pool, rows, sources, fromZero);
            ExpertCombination.AddUp(Sample.Pool, rows, slots, written, accumulate: false);
            Sample.AssertSameBits(fromZero, written);
            Sample.AssertNothingWrittenBetweenRows(added);
            Sample.AssertSameForAnyWorkerCount(pool =>
            {
                Matrix y = Sample.Empty(tokens, d);
                ExpertCombination.AddUp(pool, rows, slots, y, accumulate: false);
                return y;
            });
        }

        Assert.ThrowsAny<ArgumentException>(() => ExpertCombination.AddUp(Sample.Pool, Sample.Empty(6, 5), [0, 1, 2, 3, 4, 6], Sample.Empty(3, 5), false));
        Assert.ThrowsAny<ArgumentException>(() => ExpertCombination.AddUp(Sample.Pool, Sample.Empty(6, 5), [0, 1, 2, 3, 4, 5], Sample.Empty(4, 5), false));
    }

    [Fact]
    public void Workers_change_no_bit_and_neither_do_other_tokens()
    {
        const int tokens = 45, topK = 3, d = 67;
        int[] slots = Shuffled(1, tokens * topK);
        Matrix rows = Sample.Random(1, tokens * topK, d), weights = Sample.Random(2, tokens, topK), dy = Sample.Random(3, tokens, d);
        Matrix Combine(WorkerPool pool, int first, int count)
        {
            // The rows of the chosen tokens alone, in another order.
            Matrix own = Sample.Empty(count * topK, d), y = Sample.Empty(count, d);
            for (int i = 0; i < count * topK; i++) rows.Row(slots[first * topK + i]).CopyTo(own.Row(count * topK - 1 - i));
            int[] ownSlots = [.. Enumerable.Range(0, count * topK).Reverse()];
            ExpertCombination.Combine(pool, own, ownSlots, weights.RowRange(first, count), y);
            return y;
        }

        Sample.AssertSameForAnyWorkerCount(pool => Combine(pool, 0, tokens));
        Sample.AssertRowsAreIndependent(tokens, (first, count) => Combine(Sample.Pool, first, count));
        Sample.AssertSameForAnyWorkerCount(pool =>
        {
            Matrix dRows = Sample.Empty(tokens * topK, d);
            ExpertCombination.Distribute(pool, dy, slots, weights, dRows);
            return dRows;
        });
        Sample.AssertSameForAnyWorkerCount(pool =>
        {
            Matrix dWeights = Sample.Random(9, tokens, topK);
            ExpertCombination.AddWeightGradient(pool, dy, slots, rows, dWeights);
            return dWeights;
        });
    }

    [Fact]
    public void What_does_not_fit_together_is_refused_and_nothing_is_written()
    {
        Matrix rows = Sample.Random(1, 6, 5), weights = Sample.Random(2, 3, 2), y = Sample.Empty(3, 5, fill: 7);
        int[] slots = [0, 1, 2, 3, 4, 5];
        void Refused(Matrix r, int[] s, Matrix w, Matrix output) =>
            Assert.ThrowsAny<ArgumentException>(() => ExpertCombination.Combine(Sample.Pool, r, s, w, output));
        Refused(rows, [0, 1, 2, 3, 4], weights, y);
        Refused(rows, [0, 1, 2, 3, 4, 6], weights, y);
        Refused(rows, [0, 1, 2, 3, 4, -1], weights, y);
        Refused(rows, slots, Sample.Random(2, 2, 3), y);
        Refused(rows, slots, Sample.Random(2, 3, 3), y);
        Refused(Sample.Random(1, 5, 5), slots, weights, y);
        Refused(Sample.Random(1, 6, 4), slots, weights, y);
        for (int t = 0; t < 3; t++) Assert.All(y.Row(t).ToArray(), value => Assert.Equal(7, value));
        Matrix narrow = new(new NativeBuffer(60), ElementType.BF16, 0, 6, 5);
        Assert.ThrowsAny<Exception>(() => ExpertCombination.Combine(Sample.Pool, narrow, slots, weights, y));
    }

    private static int[] Shuffled(int seed, int count)
    {
        int[] slots = [.. Enumerable.Range(0, count)];
        new Random(seed).Shuffle(slots);
        return slots;
    }

    private static Matrix Rows(params float[][] rows)
    {
        Matrix matrix = Sample.Empty(rows.Length, rows[0].Length);
        for (int i = 0; i < rows.Length; i++) rows[i].CopyTo(matrix.Row(i));
        return matrix;
    }

    private static double Dot(Matrix a, Matrix b)
    {
        double sum = 0;
        for (int t = 0; t < a.Rows; t++)
        {
            for (int c = 0; c < a.Columns; c++) sum += (double)a.Row(t)[c] * b.Row(t)[c];
        }

        return sum;
    }
}
