using Hadal.Data.Packing;

namespace Hadal.Tests.Data;

public sealed class PermutationTests
{
    [Fact]
    public void It_is_a_bijection_of_every_small_range()
    {
        for (int count = 1; count <= 2000; count++)
        {
            Permutation permutation = new(count, (ulong)count * 77);
            bool[] seen = new bool[count];
            for (int i = 0; i < count; i++)
            {
                long to = permutation[i];
                Assert.InRange(to, 0, count - 1);
                Assert.False(seen[to], $"{to} of {count} comes twice");
                seen[to] = true;
            }
        }
    }

    [Theory]
    [InlineData(1_000_003)]
    [InlineData((1 << 20) + 1)]
    [InlineData(1 << 20)]
    public void It_is_a_bijection_of_a_large_range(int count)
    {
        Permutation permutation = new(count, 5);
        System.Collections.BitArray seen = new(count);
        for (int i = 0; i < count; i++) seen[(int)permutation[i]] = true;
        Assert.True(seen.HasAllSet());
    }

    [Fact]
    public void Ranges_too_large_to_walk_keep_their_bounds_and_have_no_collision()
    {
        foreach (long count in (long[])[1L << 40, (1L << 61) + 12345, 1L << 62])
        {
            Permutation permutation = new(count, 9);
            HashSet<long> seen = [];
            for (long i = 0; i < 5000; i++)
            {
                long to = permutation[count - 1 - i];
                Assert.InRange(to, 0, count - 1);
                Assert.True(seen.Add(to));
            }
        }
    }

    [Fact]
    public void Keys_give_different_orders_and_no_element_is_tied_to_its_place()
    {
        // Over 4000 keys each of 10 places should get element 0 about 400 times; five standard deviations are 95.
        int[] hits = new int[10];
        for (ulong key = 0; key < 4000; key++) hits[new Permutation(10, key)[0]]++;
        Assert.All(hits, hit => Assert.InRange(hit, 305, 495));
    }
}
