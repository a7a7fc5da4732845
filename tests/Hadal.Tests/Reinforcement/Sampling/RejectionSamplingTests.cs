using System.Text.Json;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Sampling;
using Hadal.Tests.Checkpoints;

namespace Hadal.Tests.Reinforcement.Sampling;

/// <summary>What rejection sampling keeps, why it turns down the rest, and the file it writes.</summary>
public sealed class RejectionSamplingTests
{
    private static readonly SampledResponse s_good = new("What is 1 + 1?", ResponseFormat.Compose("one and one are two", "2"), 12, true);

    [Fact]
    public void Each_filter_turns_down_what_it_is_for()
    {
        string loop = string.Join(' ', Enumerable.Repeat("so we try again and again", 30));
        RejectionSampling sampling = new() { LongestResponse = 100, MostPerPrompt = 2 };
        (IReadOnlyList<SampledResponse> kept, IReadOnlyDictionary<Rejection, int> rejected) = sampling.Select(
        [
            s_good,
            s_good with { Verified = false },
            s_good with { Response = "2" },
            s_good with { Tokens = 101 },
            s_good with { Response = ResponseFormat.Compose("one 加 one 是 two", "2") },
            s_good with { Response = ResponseFormat.Compose(loop, "2") },
            s_good with { Response = s_good.Response.Replace(" ", "  ", StringComparison.Ordinal) },
            s_good with { Response = ResponseFormat.Compose("count up from one", "2") },
            s_good with { Response = ResponseFormat.Compose("a third way", "2") },
            s_good with { Prompt = "another prompt" },
        ]);
        Assert.Equal([s_good.Response, ResponseFormat.Compose("count up from one", "2"), s_good.Response], kept.Select(static s => s.Response));
        Assert.Equal(Enum.GetValues<Rejection>(), rejected.Keys.Order());
        Assert.All(rejected.Values, static count => Assert.Equal(1, count));
    }

    [Fact]
    public void The_repeated_share_is_that_of_counting_runs_one_by_one()
    {
        Random random = new(8);
        for (int i = 0; i < 200; i++)
        {
            string[] words = [.. Enumerable.Range(0, random.Next(40)).Select(_ => $"{random.Next(3)}")];
            int length = random.Next(1, 6);
            HashSet<string> seen = [];
            int runs = Math.Max(0, words.Length - length + 1), repeated = 0;
            for (int k = 0; k < runs; k++) repeated += seen.Add(string.Join(' ', words[k..(k + length)])) ? 0 : 1;
            double expected = words.Length <= length ? 0 : (double)repeated / runs;
            Assert.Equal(expected, Repetition.RepeatedShare(string.Join(' ', words), length), 1e-12);
        }

        Assert.Equal(0, Repetition.RepeatedShare("each word here is another one", 2));
        Assert.InRange(Repetition.RepeatedShare(string.Concat(Enumerable.Repeat("a b ", 1000)), 4), 0.99, 1);
    }

    [Fact]
    public void Examples_are_written_as_chat_or_as_text_a_line_each()
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "sft.jsonl");
        TrainingExample[] examples = [new("one", "two", "one\ntwo"), new("quotes \" and\nlines", "中文 <think>", "all\nof it")];
        TrainingExample.Write(path, examples, ExampleFormat.Chat);
        string[] lines = File.ReadAllLines(path);
        Assert.Equal(2, lines.Length);
        for (int i = 0; i < 2; i++)
        {
            using JsonDocument line = JsonDocument.Parse(lines[i]);
            JsonElement[] messages = [.. line.RootElement.GetProperty("messages").EnumerateArray()];
            Assert.Equal(["user", "assistant"], messages.Select(static m => m.GetProperty("role").GetString()));
            Assert.Equal([examples[i].Question, examples[i].Response], messages.Select(static m => m.GetProperty("content").GetString()));
        }

        TrainingExample.Write(path, examples, ExampleFormat.Text);
        Assert.Equal(
            examples.Select(static e => e.Text), File.ReadAllLines(path).Select(static line => JsonDocument.Parse(line).RootElement.GetProperty("text").GetString()));
    }
}
