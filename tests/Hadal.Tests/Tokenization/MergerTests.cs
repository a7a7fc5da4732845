using Hadal.Tokenization.Bpe;

namespace Hadal.Tests.Tokenization;

public class MergerTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(Merger.LongestScan)]
    [InlineData(Merger.LongestScan + 1)]
    [InlineData(700)]
    public void Scan_and_queue_merge_as_the_definition_says(int length)
    {
        Random random = new(length);
        for (int round = 0; round < 100; round++)
        {
            // Ranks repeat, as equal scores do.
            MergeTable merges = new(60);
            int next = 4;
            for (int i = 0; i < 60; i++)
            {
                if (merges.Add(random.Next(next), random.Next(next), random.Next(20), next)) next++;
            }

            int[] ids = [.. Enumerable.Range(0, length).Select(_ => random.Next(4))];
            int[] expected = ByDefinition([.. ids], merges);
            Assert.Equal(expected, ids[..Merger.Merge(ids, merges)]);
        }
    }

    private static int[] ByDefinition(List<int> ids, MergeTable merges)
    {
        while (true)
        {
            int best = -1;
            ulong found = MergeTable.None;
            for (int i = 0; i + 1 < ids.Count; i++)
            {
                ulong pair = merges.Find(ids[i], ids[i + 1]);
                if (pair >> 32 < found >> 32) (best, found) = (i, pair);
            }

            if (best < 0) return [.. ids];
            ids[best] = (int)(uint)found;
            ids.RemoveAt(best + 1);
        }
    }
}
