using Hadal.Tokenization.Bpe;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization.Training;

/// <summary>
/// Trains byte-level BPE: count the words of the files, then merge the most frequent pairs until the vocabulary is full or nothing is
/// left to merge. The same files give the same vocabulary, whatever the number of threads.
/// </summary>
public static class BpeTrainer
{
    /// <summary>Trains on files of UTF-8 text.</summary>
    /// <param name="files">The files.</param>
    /// <param name="options">What to make.</param>
    /// <param name="progress">Is told now and then how far it is; from any thread, one at a time.</param>
    /// <exception cref="TokenizerException">A file can't be read.</exception>
    /// <exception cref="ArgumentException">The options contradict themselves.</exception>
    public static TrainedBpe Train(IReadOnlyList<string> files, BpeTrainerOptions options, Action<BpeTrainerProgress>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        string[] patterns = Patterns.Named(options.Pattern)
            ?? throw new ArgumentException($"The pattern '{options.Pattern}' is not known.", nameof(options));
        PreTokenizer[] steps = Patterns.Isolating("training", patterns);

        long total = 0, read = 0;
        foreach (string file in files) total += Length(file);
        int tokens = options.AddedTokens.Count + 256;
        Dictionary<string, long> words = new WordCounter(steps, options.AddedTokens, options.Threads).Count(
            files, bytes => progress?.Invoke(new BpeTrainerProgress(read += bytes, total, tokens, options.VocabSize)));

        MergeLearner learner = new(words);
        List<(int Left, int Right)> merges = new(options.VocabSize - tokens);
        for (; tokens < options.VocabSize && learner.TryMerge(out int left, out int right); tokens++)
        {
            merges.Add((left, right));
            if (tokens % 256 == 0) progress?.Invoke(new BpeTrainerProgress(read, total, tokens, options.VocabSize));
        }

        string[] names = [.. learner.Tokens.Select(bytes => ByteAlphabet.Text(bytes))];
        return new TrainedBpe(options, patterns, names, merges);
    }

    /// <summary>
    /// The vocabulary that needs no training: special tokens and the 256 bytes, nothing merged. A text has as many tokens as bytes.
    /// </summary>
    /// <param name="specialTokens">Special tokens in the order of their ids, from 0 on; the first one ends a text.</param>
    /// <exception cref="ArgumentException">A special token is empty or there twice.</exception>
    public static TrainedBpe Bytes(params IReadOnlyList<string> specialTokens)
    {
        ArgumentNullException.ThrowIfNull(specialTokens);
        return Train([], new BpeTrainerOptions { VocabSize = specialTokens.Count + 256, SpecialTokens = specialTokens });
    }

    private static void Check(BpeTrainerOptions options)
    {
        int least = options.AddedTokens.Count + 256;
        if (options.VocabSize < least)
        {
            string found = $"A vocabulary of {options.VocabSize} has no room for 256 bytes and {options.AddedTokens.Count} special tokens.";
            throw new ArgumentException(found, nameof(options));
        }

        if (options.AddedTokens.Any(string.IsNullOrEmpty) || options.AddedTokens.Distinct().Count() < options.AddedTokens.Count)
        {
            throw new ArgumentException("Special tokens must have text and differ from each other.", nameof(options));
        }

        foreach (string? token in (ReadOnlySpan<string?>)[options.BosToken, options.EosToken])
        {
            if (token is not null && !options.SpecialTokens.Contains(token))
            {
                throw new ArgumentException($"'{token}' is no special token.", nameof(options));
            }
        }
    }

    private static long Length(string file)
    {
        FileInfo info = new(file);
        return info.Exists ? info.Length : throw new TokenizerException(file, "there is no such file");
    }
}
