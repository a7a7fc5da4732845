using System.Collections.Concurrent;
using System.Text;
using Hadal.Checkpoints;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization.Training;

/// <summary>
/// Counts the words of files on all threads. Files are read in stretches that end where any of the known patterns cuts anyway: behind a
/// lone line break, or before a lone space between letters. So neither the stretches nor the threads change a count.
/// </summary>
internal sealed class WordCounter(PreTokenizer[] steps, IReadOnlyList<string> specials, int threads)
{
    /// <summary>Characters in a stretch, unless it takes more to find a place to end it.</summary>
    internal const int StretchLength = 1 << 20;

    private readonly AddedTokenFinder? _specials = specials.Count == 0 ? null : new([.. specials.Select(text => new AddedToken(0, text, true))]);

    // A special token that reaches over a cut would be lost.
    private readonly bool _cutsAtSpaces = !specials.Any(special => special.Contains(' '));
    private readonly bool _cutsAtLines = !specials.Any(special => special.Contains('\n'));

    /// <summary>Counts; the progress is told the bytes read.</summary>
    public Dictionary<string, long> Count(IEnumerable<string> files, Action<long>? progress)
    {
        ConcurrentBag<Counts> all = [];
        ParallelOptions options = new() { MaxDegreeOfParallelism = threads > 0 ? threads : Environment.ProcessorCount };
        Partitioner<string> stretches = Partitioner.Create(
            files.SelectMany(file => Stretches(file, progress)), EnumerablePartitionerOptions.NoBuffering);
        try
        {
            Parallel.ForEach(stretches, options, () => new Counts(), (stretch, _, counts) => CountIn(stretch, counts), all.Add);
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<TokenizerException>().FirstOrDefault() is { } cause)
        {
            throw cause;
        }

        Dictionary<string, long> sum = new(StringComparer.Ordinal);
        foreach ((string word, long count) in all.SelectMany(counts => counts.Words)) sum[word] = sum.GetValueOrDefault(word) + count;
        return sum;
    }

    private Counts CountIn(string stretch, Counts counts)
    {
        PieceSink sink = new(steps, 0, counts);
        ReadOnlySpan<char> text = stretch;
        for (int at = 0; at < text.Length;)
        {
            int start = text.Length, end = text.Length;
            _specials?.Find(text, at, AddedTokenFilter.All, out start, out end);
            sink.Take(text[at..start], isFirst: at == 0);
            at = end;
        }

        return counts;
    }

    private IEnumerable<string> Stretches(string path, Action<long>? progress)
    {
        using StreamReader reader = Open(path);
        StringBuilder stretch = new();
        char[] block = new char[StretchLength];
        long before = 0;
        while (true)
        {
            int read = Read(reader, block, path);
            stretch.Append(block, 0, read);
            string text = stretch.ToString();
            int end = read == 0 ? text.Length : LastCut(text);
            if (end > 0) yield return text[..end];
            stretch.Clear().Append(text, end, text.Length - end);
            progress?.Invoke(reader.BaseStream.Position - before);
            before = reader.BaseStream.Position;
            if (read == 0) yield break;
        }
    }

    // The last place that every pattern cuts at; 0 if there is none.
    private int LastCut(string text)
    {
        for (int at = text.Length - 2; at > 0; at--)
        {
            char before = text[at - 1], behind = text[at + 1];
            if (text[at] == ' ' && _cutsAtSpaces && char.IsAsciiLetter(before) && char.IsAsciiLetter(behind)) return at;
            if (text[at] == '\n' && _cutsAtLines && !char.IsWhiteSpace(before) && !char.IsWhiteSpace(behind)) return at + 1;
        }

        return 0;
    }

    private static StreamReader Open(string path)
    {
        try
        {
            return new StreamReader(path, Encoding.UTF8);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw TokenizerException.FromSystem(path, "read", e);
        }
    }

    private static int Read(StreamReader reader, char[] block, string path)
    {
        try
        {
            return reader.ReadBlock(block, 0, block.Length);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw TokenizerException.FromSystem(path, "read", e);
        }
    }

    private sealed class Counts : IPieceReceiver
    {
        private readonly Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> _bySpan;

        public Counts() => _bySpan = Words.GetAlternateLookup<ReadOnlySpan<char>>();

        public Dictionary<string, long> Words { get; } = new(StringComparer.Ordinal);

        public void Take(ReadOnlySpan<char> piece)
        {
            _bySpan.TryGetValue(piece, out long count);
            _bySpan[piece] = count + 1;
        }
    }
}
