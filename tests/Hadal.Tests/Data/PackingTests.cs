using Hadal.Data;
using Hadal.Data.Packing;

namespace Hadal.Tests.Data;

/// <summary>The promises of packing, on random documents whose tokens all differ.</summary>
public sealed class PackingTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 60)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void An_epoch_has_every_token_once_as_input_and_every_token_but_the_first_once_as_target(int seed)
    {
        Random random = new(seed);
        using SyntheticTokens data = new();
        for (int s = random.Next(4); s >= 0; s--)
        {
            data.Add(random, isChat: random.Next(3) == 0, (ulong)random.Next(), Lengths(random, random.Next(1, 60), 200));
        }

        Packer packer = data.Packer(chunkLength: random.Next(2) == 0 ? random.Next(1, 400) : null);
        List<int> firstOrder = [];
        for (int epoch = 0; epoch < 3; epoch++)
        {
            List<int> inputs = [], targets = [];
            do
            {
                int length = random.Next(200, 260);
                PackedBatch batch = packer.Next(random.Next(1, 5), length);
                data.Check(batch, length);
                inputs.AddRange(batch.Tokens.Ids);
                foreach (int target in batch.Targets) targets.Add(target);
            }
            while (!packer.IsBetweenEpochs);

            Assert.Equal(data.Documents.SelectMany(documents => documents).SelectMany(ids => ids), inputs.Order());
            Assert.Equal(data.Next.Values.Where(data.Counted.Contains).Order(), targets.Where(target => target >= 0).Order());
            if (epoch == 0) firstOrder = inputs;
            else if (inputs.Count > 2000) Assert.NotEqual(firstOrder, inputs);
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Text_fills_every_pack_of_an_epoch_but_the_last_at_any_sequence_of_lengths(int seed)
    {
        Random random = new(seed);
        using SyntheticTokens data = new();
        data.Add(random, isChat: false, 1, Lengths(random, random.Next(1, 40), random.Next(2) == 0 ? 30 : 2000));
        Packer packer = data.Packer();
        List<int> inputs = [];
        do
        {
            int length = random.Next(1, 120);
            PackedBatch batch = packer.Next(3, length);
            data.Check(batch, length);
            inputs.AddRange(batch.Tokens.Ids);
            int[] packs = [.. batch.Pieces.GroupBy(piece => piece.Pack).Select(pack => pack.Sum(piece => piece.Length))];
            Assert.All(packs[..^1], tokens => Assert.Equal(length, tokens));
            Assert.True(packs[^1] == length || packer.IsBetweenEpochs);
        }
        while (!packer.IsBetweenEpochs);
        Assert.Equal(data.Documents[0].SelectMany(ids => ids), inputs.Order());
    }

    [Fact]
    public void Chunks_of_one_long_text_come_shuffled_with_cuts_that_move_and_fill_packs_alone()
    {
        using SyntheticTokens data = new();
        data.Add(new Random(1), isChat: false, 3, 100_000);
        Packer packer = data.Packer();
        HashSet<long>[] starts = [[], []];
        foreach (HashSet<long> epoch in starts)
        {
            int alone = 0, packs = 0, inOrder = 0;
            long before = -1;
            do
            {
                PackedBatch batch = packer.Next(8, 128);
                packs += batch.Packs;
                alone += batch.Pieces.Count(piece => piece.Length == 128);
                foreach (PackedPiece piece in batch.Pieces)
                {
                    epoch.Add(piece.Start);
                    if (piece.Start == before + 128) inOrder++;
                    before = piece.Start;
                }
            }
            while (!packer.IsBetweenEpochs);

            // The first and the last chunk are short and cut others once per window.
            Assert.InRange(alone, packs * 95 / 100, packs);
            Assert.InRange(inOrder, 0, packs / 20);
        }

        Assert.InRange(starts[0].Intersect(starts[1]).Count(), 0, 50);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_conversation_is_whole_if_it_fits_and_cut_at_its_end_if_it_does_not(int seed)
    {
        Random random = new(seed);
        using SyntheticTokens data = new();
        int[] lengths = Lengths(random, 50, 150);
        data.Add(random, isChat: true, 2, lengths);
        Packer packer = data.Packer();
        List<int> inputs = [];
        do
        {
            PackedBatch batch = packer.Next(2, 100);
            data.Check(batch, 100);
            inputs.AddRange(batch.Tokens.Ids);
            Assert.Equal(batch.Pieces.Count, batch.Pieces.Select(piece => piece.Start).Distinct().Count());
        }
        while (!packer.IsBetweenEpochs);
        Assert.Equal(data.Documents[0].SelectMany(ids => ids.Take(100)), inputs.Order());
        Assert.Equal(lengths.Count(length => length > 100), packer.Truncated);
    }

    [Fact]
    public void Conversations_are_packed_densely()
    {
        Random random = new(4);
        using SyntheticTokens data = new();
        data.Add(random, isChat: true, 2, [.. Enumerable.Range(0, 2000).Select(_ => random.Next(10, 300))]);
        Packer packer = data.Packer();
        long packs = 0, tokens = 0;
        do
        {
            PackedBatch batch = packer.Next(8, 512);
            (packs, tokens) = (packs + batch.Packs, tokens + batch.TokenCount);
        }
        while (!packer.IsBetweenEpochs);
        Assert.InRange(tokens / (packs * 512.0), 0.97, 1);
    }

    [Fact]
    public void Weights_are_met_at_any_time_and_sources_go_through_their_epochs_one_after_the_other()
    {
        double[] weights = [7, 2, 1];
        Random random = new(5);
        using SyntheticTokens data = new();
        data.Add(random, isChat: false, 1, Lengths(random, 20, 300));
        data.Add(random, isChat: false, 2, Lengths(random, 5, 100));
        data.Add(random, isChat: true, 3, Lengths(random, 90, 60));
        Packer packer = data.Packer(weights);
        List<int>[] inputs = [[], [], []];
        for (int step = 0; step < 500; step++)
        {
            PackedBatch batch = packer.Next(2, 128);
            data.Check(batch, 128);
            for (int s = 0; s < batch.Pieces.Count; s++)
            {
                inputs[batch.Pieces[s].Source].AddRange(batch.Tokens.Ids.Skip(batch.Tokens.Sequences[s].Start).Take(batch.Pieces[s].Length));
            }

            // What was drawn is within a chunk of its share; what was used lags behind by no more than the window.
            long drawn = packer.Sources.Sum(state => state.Drawn);
            for (int s = 0; s < 3; s++) Assert.InRange(packer.Sources[s].Drawn - weights[s] / 10 * drawn, -3 * 128, 3 * 128);
        }

        for (int s = 0; s < 3; s++)
        {
            Assert.Equal(inputs[s].Count, packer.Sources[s].Used);
            int[] all = [.. data.Documents[s].SelectMany(ids => ids)];
            Assert.True(inputs[s].Count > 3 * all.Length);
            foreach (int[] epoch in inputs[s].Chunk(all.Length).SkipLast(1)) Assert.Equal(all, epoch.Order());
        }
    }

    [Fact]
    public void Another_seed_gives_another_order()
    {
        int[][] orders = [.. new ulong[] { 1, 1, 2 }.Select(seed =>
        {
            using SyntheticTokens data = new();
            data.Add(new Random(6), isChat: false, seed, [.. Enumerable.Repeat(50, 30)]);
            return data.Packer().Next(20, 64).Tokens.Ids.ToArray();
        })];
        Assert.Equal(orders[0], orders[1]);
        Assert.NotEqual(orders[0], orders[2]);
    }

    [Fact]
    public void A_range_of_packs_is_those_packs()
    {
        Random random = new(7);
        using SyntheticTokens data = new();
        data.Add(random, isChat: false, 1, Lengths(random, 100, 90));
        PackedBatch batch = data.Packer().Next(6, 128);
        List<int> ids = [], targets = [];
        foreach ((int first, int count) in ((int, int)[])[(0, 1), (1, 3), (4, 2)])
        {
            PackedBatch part = batch.Range(first, count);
            data.Check(part, 128);
            Assert.Equal(count, part.Packs);
            ids.AddRange(part.Tokens.Ids);
            foreach (int target in part.Targets) targets.Add(target);
        }

        Assert.Equal(batch.Tokens.Ids, ids);
        Assert.Equal(batch.Targets.ToArray(), targets);
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.Range(5, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.Range(-1, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.Range(0, 0));
    }

    // Mostly short documents, some long ones, some of one token.
    private static int[] Lengths(Random random, int count, int most) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(4) switch { 0 => 1 + random.Next(most), 1 => 1, _ => 1 + random.Next(most / 6 + 1) })];
}
