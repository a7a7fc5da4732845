using System.Diagnostics;
using Hadal.Tokenization;

namespace Hadal.Cli.Bench;

/// <summary>How fast a tokenizer is on a text, on one thread.</summary>
/// <param name="Text">Name of the file.</param>
/// <param name="Bytes">Its length in UTF-8.</param>
/// <param name="Tokens">How many tokens it is.</param>
/// <param name="EncodeCold">MB/s of the first pass, which has seen none of the words.</param>
/// <param name="Encode">MB/s of the best later pass.</param>
/// <param name="Decode">MB/s of the best pass back, in bytes of text.</param>
internal sealed record TokenizerBenchRow(string Text, long Bytes, int Tokens, double EncodeCold, double Encode, double Decode)
{
    /// <summary>How much text a token is.</summary>
    public double BytesPerToken => (double)Bytes / Tokens;
}

/// <summary>
/// Times a tokenizer. Text is encoded in parts of a few pages, as a server or a data pipeline would; the cold rate is what
/// matters for text whose words don't repeat.
/// </summary>
internal static class TokenizerBench
{
    // Long enough that calls cost nothing, short enough to be a request.
    private const int PartLength = 1 << 14;

    /// <summary>Times one file for some rounds; reports each.</summary>
    public static TokenizerBenchRow Run(string tokenizerPath, string textPath, int rounds, Action<int, int> progress)
    {
        string text = File.ReadAllText(textPath);
        long bytes = System.Text.Encoding.UTF8.GetByteCount(text);
        string[] parts = [.. text.Chunk(PartLength).Select(part => new string(part))];
        int[][] ids = new int[parts.Length][];

        // The code is compiled and settled on one tokenizer; the cold pass is the first of another.
        Tokenizer settled = Tokenizer.Load(tokenizerPath);
        for (int round = 0; round < 3; round++) Pass(() => Encode(settled, parts, ids));
        Tokenizer tokenizer = Tokenizer.Load(tokenizerPath);
        double cold = bytes / 1e6 / Pass(() => Encode(tokenizer, parts, ids));
        double encode = 0, decode = 0;
        for (int round = 0; round < rounds; round++)
        {
            encode = Math.Max(encode, bytes / 1e6 / Pass(() => Encode(tokenizer, parts, ids)));
            decode = Math.Max(decode, bytes / 1e6 / Pass(() => Decode(tokenizer, ids)));
            progress(round + 1, rounds);
        }

        return new TokenizerBenchRow(Path.GetFileName(textPath), bytes, ids.Sum(part => part.Length), cold, encode, decode);
    }

    private static void Encode(Tokenizer tokenizer, string[] parts, int[][] ids)
    {
        for (int i = 0; i < parts.Length; i++) ids[i] = tokenizer.Encode(parts[i]);
    }

    private static void Decode(Tokenizer tokenizer, int[][] ids)
    {
        foreach (int[] part in ids) tokenizer.Decode(part);
    }

    private static double Pass(Action pass)
    {
        long start = Stopwatch.GetTimestamp();
        pass();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
