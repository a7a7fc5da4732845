using System.Text;
using Hadal.Inference;

namespace Hadal.Tests.Inference;

public sealed class StopMatcherTests
{
    [Fact]
    public void Any_split_of_a_text_gives_what_searching_the_whole_text_gives()
    {
        // Few letters, so that strings overlap, repeat and nearly match all the time; one of them is two UTF-16 units.
        Random random = new(1);
        string[] letters = ["a", "b", "é", "😀"];
        string Text(int length) => string.Concat(Enumerable.Range(0, length).Select(_ => letters[random.Next(letters.Length)]));
        int stopped = 0;
        for (int trial = 0; trial < 20_000; trial++)
        {
            string text = Text(random.Next(1, 30));
            string[] stops = [.. Enumerable.Range(0, random.Next(5)).Select(_ => Text(random.Next(1, 6)))];
            (string expected, string? matched) = Search(text, stops);
            StopMatcher matcher = new(stops);
            StringBuilder actual = new();
            for (int at = 0; at < text.Length && matcher.Matched is null;)
            {
                int end = Math.Min(text.Length, at + random.Next(0, 5));
                actual.Append(matcher.Add(text[at..end]));
                AssertHolds(matcher, actual.ToString(), text[..end], stops);
                at = end;
            }

            actual.Append(matcher.Flush());
            Assert.Equal(expected, actual.ToString());
            Assert.Equal(matched, matcher.Matched);
            if (matched is not null) stopped++;
        }

        Assert.InRange(stopped, 5_000, 19_000);
    }

    [Fact]
    public void Text_is_held_back_only_while_it_can_begin_a_stop_string()
    {
        StopMatcher matcher = new(["</s>", "STOP"]);
        Assert.Equal("Hello ", matcher.Add("Hello <"));
        Assert.Equal("<x", matcher.Add("x"));
        Assert.Equal(" S", matcher.Add(" SS"));
        Assert.Equal("", matcher.Add("TO"));
        Assert.Null(matcher.Matched);
        Assert.Equal("", matcher.Add("P and more"));
        Assert.Equal("STOP", matcher.Matched);
        Assert.Equal("", matcher.Flush());
        Assert.Throws<InvalidOperationException>(() => matcher.Add("x"));
    }

    [Fact]
    public void Without_stop_strings_everything_passes() => Assert.Equal("abc", new StopMatcher([]).Add("abc"));

    [Fact]
    public void Strings_that_are_no_text_are_refused()
    {
        foreach (string stop in new[] { "", "a\ud83d", "\ude00", "\ud83dx" }) Assert.Throws<ArgumentException>(() => new StopMatcher(["x", stop]));
    }

    // The match that ends first and of those the one that begins first.
    private static (string Before, string? Matched) Search(string text, string[] stops)
    {
        for (int end = 1; end <= text.Length; end++)
        {
            if (stops.Where(s => text[..end].EndsWith(s, StringComparison.Ordinal)).MaxBy(s => s.Length) is { } stop) return (text[..(end - stop.Length)], stop);
        }

        return (text, null);
    }

    // Nothing but a beginning of a stop string is missing, and not less than the longest.
    private static void AssertHolds(StopMatcher matcher, string told, string so, string[] stops)
    {
        if (matcher.Matched is not null) return;
        int longest = stops.SelectMany(s => Enumerable.Range(0, s.Length).Select(n => s[..n])).Where(p => so.EndsWith(p, StringComparison.Ordinal)).Select(p => p.Length).DefaultIfEmpty(0).Max();
        Assert.Equal(so[..^longest], told);
    }
}
