using Hadal.Data;
using Hadal.Reinforcement.Preferences;
using Hadal.Tests.Checkpoints;

namespace Hadal.Tests.Reinforcement.Preferences;

/// <summary>Pairs are read in the forms in which people publish them; what is no pair is refused with its line.</summary>
public sealed class PreferenceFileTests
{
    [Theory]
    [InlineData("""{"prompt":"Q","chosen":"good","rejected":"bad"}""")]
    [InlineData("""{"messages":[{"role":"user","content":"Q"}],"chosen":"good","rejected":"bad","score":3}""")]
    [InlineData("""{"prompt":[{"role":"user","content":"Q"}],"chosen":[{"role":"assistant","content":"good"}],"rejected":[{"role":"assistant","content":"bad"}]}""")]
    [InlineData("""{"instruction":"Q","input":"","output":"x","rejected":"bad","chosen":"good"}""")]
    [InlineData("""[{"instruction":"Q","rejected":"bad","chosen":"good"}]""")]
    [InlineData("\n \n{\"prompt\":\"Q\",\"chosen\":\"good\",\"rejected\":\"bad\"}\r\n\n")]
    public void Each_form_gives_the_same_pair(string text)
    {
        PreferencePair pair = Assert.Single(Read(text));
        Assert.Equal(("user", "Q", "good", "bad"), (Assert.Single(pair.Prompt).Role, pair.Prompt[0].Content, pair.Chosen, pair.Rejected));
    }

    [Fact]
    public void An_input_follows_its_instruction()
    {
        PreferencePair pair = Assert.Single(Read("""{"instruction":"Turn round.","input":"abc","chosen":"cba","rejected":"abc"}"""));
        Assert.Equal("Turn round.\n\nabc", pair.Prompt[0].Content);
    }

    [Theory]
    [InlineData("{\"prompt\":\"Q\",\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"prompt\":\"Q\",\"chosen\":\"a\"}", 2, "'rejected'")]
    [InlineData("{\"chosen\":\"a\",\"rejected\":\"b\"}", 1, "'prompt'")]
    [InlineData("{\"prompt\":7,\"chosen\":\"a\",\"rejected\":\"b\"}", 1, "a number")]
    [InlineData("{\"prompt\":[],\"chosen\":\"a\",\"rejected\":\"b\"}", 1, "empty")]
    [InlineData("{\"prompt\":[{\"role\":\"assistant\",\"content\":\"x\"}],\"chosen\":\"a\",\"rejected\":\"b\"}", 1, "ends with the assistant")]
    [InlineData("{\"prompt\":[\"x\"],\"chosen\":\"a\",\"rejected\":\"b\"}", 1, "a string, expected an object")]
    [InlineData("{\"prompt\":\"Q\",\"chosen\":[{\"role\":\"user\",\"content\":\"x\"}],\"rejected\":\"b\"}", 1, "one message of the assistant")]
    [InlineData("\n\nnonsense", 3, "not JSON")]
    [InlineData("[\n{\"prompt\":\"Q\",\"chosen\":\"a\",\"rejected\":\"b\"},\n\n{\"prompt\":\"Q\",\"chosen\":1,\"rejected\":\"b\"}\n]", 4, "'chosen' is a number")]
    [InlineData("[\n{\"prompt\":\"Q\",\"chosen\":\"a\",\"rejected\":\"b\"},\n3]", 3, "expected an object")]
    [InlineData("[\n{\"prompt\":\"Q\",\"chosen\":\"a\",\"rejected\":\"b\"},\n{\"prompt\"", 3, "not JSON")]
    [InlineData("[{\"prompt\":\"Q\",\"chosen\":\"a\",\"rejected\":\"b\"}]\n{}", 2, "not JSON")]
    public void What_is_no_pair_is_refused_with_file_and_line(string text, long line, string part)
    {
        DataException e = Assert.Throws<DataException>(() => Read(text));
        Assert.Equal(line, e.Line);
        Assert.Contains("pairs.json", e.Message, StringComparison.Ordinal);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n \n")]
    [InlineData("[]")]
    public void A_file_without_pairs_is_refused(string text) => Assert.Contains("holds nothing", Assert.Throws<DataException>(() => Read(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Damaged_files_are_refused_or_read_and_never_crash()
    {
        const string Whole = "[\n {\"prompt\": [{\"role\":\"user\",\"content\":\"Qä\"}], \"chosen\": \"a\\u00e4\", \"rejected\": [{\"role\":\"assistant\",\"content\":\"b\"}]},\n {\"instruction\":\"Q\",\"input\":\"i\",\"chosen\":\"a\",\"rejected\":\"b\"} ]\n";
        Random random = new(5);
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] bytes = System.Text.Encoding.UTF8.GetBytes(Whole);
            for (int change = random.Next(1, 4); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                Assert.NotEmpty(Read(bytes[..random.Next(bytes.Length / 2, bytes.Length + 1)]));
            }
            catch (DataException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 2000, 3000);
    }

    [SkippableFact]
    public void The_published_pairs_are_all_read()
    {
        string? folder = SharedFolder.Find("data", "preference-rasbt");
        Skip.If(folder is null, "no data/preference-rasbt in a folder shared beside the repository");
        IReadOnlyList<PreferencePair> pairs = PreferenceFile.Read(Path.Combine(folder, "instruction-data-with-preference.json"));
        Assert.Equal(1100, pairs.Count);
        Assert.Equal("He goes to the stupid park every single day.", pairs[1].Rejected);
        Assert.Equal("Edit the following sentence for grammar.\n\nHe go to the park every day.", pairs[1].Prompt[0].Content);
    }

    private static IReadOnlyList<PreferencePair> Read(string text) => Read(System.Text.Encoding.UTF8.GetBytes(text));

    private static IReadOnlyList<PreferencePair> Read(byte[] bytes)
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "pairs.json");
        File.WriteAllBytes(path, bytes);
        return PreferenceFile.Read(path);
    }
}
