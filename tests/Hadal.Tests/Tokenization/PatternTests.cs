using System.Text.RegularExpressions;
using Hadal.Tokenization;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tests.Tokenization;

/// <summary>The hand-written scanners against .NET's regular expressions on the same patterns.</summary>
public class PatternTests
{
    public static TheoryData<string> HandWritten =>
        [.. Names().SelectMany(name => Patterns.Named(name)!).Where(p => p != @"\s+$").Distinct()];

    [Theory]
    [MemberData(nameof(HandWritten))]
    public void A_scanner_finds_what_the_expression_finds(string pattern)
    {
        MatchFinder finder = Patterns.Find("test", "pattern", pattern);
        // Beyond the first plane only the general form knows what a character is, and it can't have such characters in the pattern.
        MatchFinder general = pattern.Any(char.IsSurrogate) ? new PlainRegex(pattern) : new RegexFinder("test", "pattern", pattern);
        Random random = new(pattern.Length);
        for (int round = 0; round < 1500; round++)
        {
            string text = RandomText.Valid(random, random.Next(1, 14));
            // Case folding takes the long s for an s; .NET does not.
            text = text.Replace('\u017F', 's');
            if (general is PlainRegex) text = string.Concat(text.Where(c => !char.IsSurrogate(c)));
            Assert.Equal($"{Escape(text)}: {Pieces(general, text)}", $"{Escape(text)}: {Pieces(finder, text)}");
        }
    }

    [Theory]
    [InlineData("a++b", "(?>a+)b")]
    [InlineData(@"\p{L}?+\w", @"(?>\p{L}?)[\p{L}\p{M}\p{N}\p{Pc}]")]
    [InlineData("(ab)*+", "(?>(?:ab)*)")]
    [InlineData("x{,3}", "x{0,3}")]
    [InlineData(@"\x{4e00}", @"\u4E00")]
    [InlineData("^a$", @"(?:(?<=\n)|\A)a(?=\n|\z)")]
    public void Patterns_are_translated(string pattern, string expected) => Assert.Equal(expected, OnigurumaPattern.Translate(pattern));

    [Theory]
    [InlineData(@"\p{Han}+")]
    [InlineData("[a[bc]]")]
    [InlineData("[a&&b]")]
    [InlineData(@"\h")]
    [InlineData(@"\bword")]
    [InlineData("(?m:a)")]
    [InlineData("[\U00010400]")]
    [InlineData("(a")]
    [InlineData("a)")]
    [InlineData("+")]
    public void What_dot_net_reads_differently_is_refused(string pattern)
    {
        TokenizerException e = Assert.Throws<TokenizerException>(() => Patterns.Find("f.json", "pre_tokenizer", pattern));
        Assert.Contains("can't be used", e.Message);
    }

    [Theory]
    [InlineData("Isolated", false, "a|-|-|b")]
    [InlineData("Removed", false, "a|b")]
    [InlineData("Contiguous", false, "a|--|b")]
    [InlineData("MergedWithPrevious", false, "a-|-|b")]
    [InlineData("MergedWithNext", false, "a|-|-b")]
    [InlineData("Removed", true, "-|-")]
    public void Matches_become_what_the_behavior_says(string behavior, bool invert, string expected)
    {
        Collector pieces = new();
        Split split = new(Patterns.Find("test", "pattern", "-"), Enum.Parse<SplitBehavior>(behavior), invert);
        new PieceSink([split], 0, pieces).Take("a--b", isFirst: true);
        Assert.Equal(expected, string.Join('|', pieces.Pieces));
    }

    [Theory]
    [InlineData("Always", "_a|_b")]
    [InlineData("Never", "a|_b")]
    public void Metaspace_marks_words(string scheme, string expected)
    {
        Collector pieces = new();
        new PieceSink([new Metaspace('_', Enum.Parse<PrependScheme>(scheme), split: true)], 0, pieces).Take("a b", isFirst: true);
        Assert.Equal(expected, string.Join('|', pieces.Pieces));
    }

    private static string[] Names() =>
        ["gpt-2", "default", "llama-bpe", "qwen2", "deepseek-v3", "deepseek-llm", "deepseek-coder", "starcoder", "falcon", "gpt-4o"];

    private static string Pieces(MatchFinder finder, string text)
    {
        Collector pieces = new();
        new PieceSink([new Split(finder, SplitBehavior.Isolated, invert: false)], 0, pieces).Take(text, isFirst: true);
        Assert.Equal(text, string.Concat(pieces.Pieces));
        return string.Join('|', pieces.Pieces.Select(Escape));
    }

    private static string Escape(string text) => string.Concat(text.Select(c => c is >= ' ' and <= '~' ? $"{c}" : $"\\u{(int)c:X4}"));

    private sealed class Collector : IPieceReceiver
    {
        public List<string> Pieces { get; } = [];

        public void Take(ReadOnlySpan<char> piece) => Pieces.Add(piece.ToString());
    }

    // The first plane's part of a class that lists more.
    private sealed class PlainRegex(string pattern) : MatchFinder
    {
        private readonly Regex _regex = new(Regex.Replace(pattern, @"[\uD800-\uDBFF][\uDC00-\uDFFF](-[\uD800-\uDBFF][\uDC00-\uDFFF])?", ""));

        public override void Find(ReadOnlySpan<char> piece, ref MatchSink matches)
        {
            foreach (ValueMatch match in _regex.EnumerateMatches(piece)) matches.Match(match.Index, match.Index + match.Length);
        }
    }
}
