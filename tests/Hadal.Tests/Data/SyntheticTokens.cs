using Hadal.Data;
using Hadal.Data.Packing;
using Hadal.Data.Tokens;
using Hadal.Tests.Checkpoints;

namespace Hadal.Tests.Data;

/// <summary>Sources of random documents whose tokens all differ, so that what became of each can be told.</summary>
internal sealed class SyntheticTokens : IDisposable
{
    private readonly TemporaryFolder _folder = new(inMemory: true);
    private readonly List<TokenFile> _files = [];
    private int _nextId;

    public List<DocumentRange> Ranges { get; } = [];

    /// <summary>The token that follows each one in its document.</summary>
    public Dictionary<int, int> Next { get; } = [];

    /// <summary>The tokens that count as targets.</summary>
    public HashSet<int> Counted { get; } = [];

    /// <summary>The documents of each source.</summary>
    public List<List<int[]>> Documents { get; } = [];

    public void Dispose()
    {
        foreach (TokenFile file in _files) file.Dispose();
        _folder.Dispose();
    }

    public void Add(Random random, bool isChat, ulong? seed, params int[] lengths)
    {
        string path = _folder.At($"{_files.Count}");
        byte[] key = new byte[32];
        List<int[]> documents = [];
        using (TokenFileWriter writer = new(path, key, isChat ? TokenWidth.Flagged : TokenWidth.Wide))
        {
            foreach (int length in lengths)
            {
                int[] ids = [.. Enumerable.Range(_nextId, length)];
                _nextId += length;
                bool[] counted = [.. ids.Select(_ => !isChat || random.Next(2) == 0)];
                for (int i = 0; i < length; i++)
                {
                    if (counted[i]) Counted.Add(ids[i]);
                    if (i + 1 < length) Next.Add(ids[i], ids[i + 1]);
                }

                documents.Add(ids);
                writer.Add(new EncodedDocument(ids, counted));
            }

            writer.Finish(isSplit: false);
        }

        _files.Add(TokenFile.TryOpen(path, key)!);
        Documents.Add(documents);
        Ranges.Add(new DocumentRange(_files[^1], 0, lengths.Length, isChat, seed));
    }

    public Packer Packer(double[]? weights = null, int? chunkLength = null) => new(Ranges, new Mixture(Ranges, weights, chunkLength));

    /// <summary>Checks a batch by itself: packs, sequences and targets.</summary>
    public void Check(PackedBatch batch, int sequenceLength)
    {
        int[] ids = [.. batch.Tokens.Ids];
        int counted = 0;
        for (int s = 0; s < batch.Pieces.Count; s++)
        {
            (int start, int count) = (batch.Tokens.Sequences[s].Start, batch.Tokens.Sequences[s].Count);
            Assert.Equal(batch.Pieces[s].Length, count);
            for (int row = start; row < start + count; row++)
            {
                // The next token of the same document, whatever piece it is in; and within a sequence it is the next row.
                bool hasNext = Next.TryGetValue(ids[row], out int next);
                int expected = hasNext && Counted.Contains(next) ? next : -1;
                Assert.Equal(expected, batch.Targets[row]);
                if (row + 1 < start + count) Assert.True(hasNext && ids[row + 1] == next, "a sequence goes from one document into another");
                if (expected >= 0) counted++;
            }
        }

        Assert.Equal(counted, batch.CountedTargets);
        Assert.Equal(ids.Length, batch.TokenCount);
        Assert.Equal(Enumerable.Range(0, batch.Packs), batch.Pieces.Select(piece => piece.Pack).Distinct());
        foreach (IGrouping<int, PackedPiece> pack in batch.Pieces.GroupBy(piece => piece.Pack))
        {
            Assert.InRange(pack.Sum(piece => piece.Length), 1, sequenceLength);
        }
    }
}
