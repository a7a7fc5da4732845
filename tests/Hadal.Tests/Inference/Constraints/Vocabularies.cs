using System.Text;
using Hadal.Inference;
using Hadal.Tests.Tokenization;
using Hadal.Tokenization;

namespace Hadal.Tests.Inference.Constraints;

/// <summary>Tokenizers that make life hard for constraints, and ways to go through them.</summary>
internal static class Vocabularies
{
    private static readonly Lazy<Tokenizer> s_mixed = new(LoadMixed);

    /// <summary>All bytes, and tokens that begin, end or cross pieces of JSON and characters.</summary>
    public static Tokenizer Mixed => s_mixed.Value;

    /// <summary>The token of <see cref="Mixed"/> that ends a text.</summary>
    public static int End => Mixed.VocabSize - 1;

    /// <summary>A small real vocabulary with byte fallback.</summary>
    public static Tokenizer Stories { get; } = Tokenizer.Load(SharedData.Fixture("stories260K"));

    /// <summary>Whether a constraint lets a text through, up to its end.</summary>
    public static bool Accepts(TokenConstraint constraint, string text)
    {
        ConstraintState? state = constraint.Start;
        foreach (byte value in Encoding.UTF8.GetBytes(text)) state = state?.Step(value);
        return state is { IsComplete: true };
    }

    /// <summary>Draws until the end; null if it does not come within a number of tokens.</summary>
    public static string? Draw(TokenConstraint constraint, Tokenizer tokenizer, int endToken, int seed, int limit)
    {
        // Random scores; after a while what can close something gets better and better, else strings and arrays go on for long.
        Random random = new(seed);
        Sampler sampler = new(new SamplingOptions { Seed = seed, Temperature = 2 }, constraint);
        float[] logits = new float[tokenizer.VocabSize + 3]; // some models have more rows than their tokenizer has ids
        List<int> drawn = [];
        while (!sampler.IsFulfilled && drawn.Count < limit)
        {
            float eager = Math.Min(20, drawn.Count * 0.2f);
            for (int i = 0; i < logits.Length; i++)
            {
                ReadOnlySpan<byte> bytes = i < tokenizer.VocabSize ? tokenizer.IdToBytes(i) : [];
                bool closes = i == endToken || (bytes.IndexOfAny("\"}]"u8) >= 0 && bytes.Length < 3) || bytes.SequenceEqual("</think>"u8);
                logits[i] = 4 * random.NextSingle() + (closes ? eager : 0);
            }

            int token = sampler.Next(logits);
            if (token == endToken) return tokenizer.Decode([.. drawn]);
            sampler.Observe(token);
            drawn.Add(token);
        }

        return sampler.IsFulfilled ? Encoding.UTF8.GetString(tokenizer.DecodeBytes([.. drawn])) : null;
    }

    /// <summary>Cuts bytes into tokens at random.</summary>
    public static int[] RandomTokens(Tokenizer tokenizer, byte[] bytes, Random random)
    {
        List<int> ids = [];
        for (int at = 0; at < bytes.Length;)
        {
            int[] fitting = [.. Enumerable.Range(0, tokenizer.VocabSize).Where(id => !tokenizer.IdToBytes(id).IsEmpty && bytes.AsSpan(at).StartsWith(tokenizer.IdToBytes(id)))];
            int id = fitting[random.Next(fitting.Length)];
            ids.Add(id);
            at += tokenizer.IdToBytes(id).Length;
        }

        return [.. ids];
    }

    private static Tokenizer LoadMixed()
    {
        string[] texts =
        [
            "{\"", "\":", "\": ", "\",", "\", \"", "\"}", "\"]", "}}", "}]", "]}", "},", "[{", "[[", "{}", "[]", "{ ", " }", "\n ", "\n  ", "  ", "true", "false", "null",
            "tru", "ull", "12", "00", "-1", "0.", ".5", "e+", "1e", "name", "\"name\"", "name\":", "\"a\"", "ab", "abc", "\\\"", "\\\\", "\\n", "\\u", "\\u00", "\\ud8", "\"\\",
            "你", "好\"", "é", "😀", "</", "think", ">", "</think>", "k>{", "k>\n\n", "<|end|>",
        ];
        byte[][] pieces = [[0xE4, 0xBD], [0xA0, 0xE5], [0xF0, 0x9F], [0x98, 0x80, (byte)'"'], [0xC3], [0xFF, 0xFE], [0xED, 0xA0, 0x80]];
        StringBuilder lines = new();
        int id = 0;
        for (int b = 0; b < 256; b++) lines.Append(Convert.ToBase64String([(byte)b])).Append(' ').Append(id++).Append('\n');
        foreach (byte[] piece in pieces.Where(piece => piece.Length > 1)) lines.Append(Convert.ToBase64String(piece)).Append(' ').Append(id++).Append('\n');
        foreach (string text in texts.Where(text => text.Length > 1 || text[0] > 127))
        {
            lines.Append(Convert.ToBase64String(Encoding.UTF8.GetBytes(text))).Append(' ').Append(id++).Append('\n');
        }

        string path = Path.Combine(Directory.CreateTempSubdirectory("hadal-mixed-").FullName, "mixed.tiktoken");
        try
        {
            File.WriteAllText(path, lines.ToString());
            return Tokenizer.Load(path, "gpt-2");
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }
}
