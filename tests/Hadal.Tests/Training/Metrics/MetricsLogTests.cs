using System.Text.Json;
using System.Text.Json.Nodes;
using Hadal.Checkpoints;
using Hadal.Tests.Checkpoints;
using Hadal.Training;
using static Hadal.Tests.Training.Metrics.SampleEvents;

namespace Hadal.Tests.Training.Metrics;

public sealed class MetricsLogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new(inMemory: true);

    private string Path => _folder.At("metrics.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_written_is_read_back()
    {
        TrainingEvent[] events = [Step(1), Full(2), Evaluation(2), Sample(2), Full(3, 1e-300), Step(4, 12345.678901234567)];
        Write(events);
        TrainingEvent[] read = [.. MetricsLog.Read(Path)];
        Assert.Equal(events.Select(e => e.GetType()), read.Select(e => e.GetType()));
        Assert.Equal((TrainingEvent)Step(1), read[0]);
        Assert.Equal([[10, 20, 30, 4], [16, 16, 16, 16]], Assert.IsType<StepMetrics>(read[1]).ExpertLoad!);
        Assert.Equal([0.6, 0.8], Assert.IsType<StepMetrics>(read[1]).MaxVioByLayer!);
        Assert.Equal(Full(2) with { ExpertLoad = null, MaxVioByLayer = null }, (StepMetrics)read[1] with { ExpertLoad = null, MaxVioByLayer = null });
        Assert.Equal((TrainingEvent)Evaluation(2), read[2]);
        Assert.Equal((TrainingEvent)Sample(2), read[3]);
        Assert.Equal(Step(4, 12345.678901234567), read[5]);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void A_run_that_diverges_can_say_so(double value)
    {
        Write(Step(1, value) with { GradientNorm = value, MtpLoss = value, MaxVioByLayer = [value] });
        StepMetrics read = Assert.IsType<StepMetrics>(Assert.Single(MetricsLog.Read(Path)));
        Assert.Equal([value, value, value, value], [read.Loss, read.GradientNorm, read.MtpLoss!.Value, read.MaxVioByLayer![0]]);
    }

    [Fact]
    public void A_line_is_a_JSON_object_in_camel_case_with_its_kind()
    {
        Write(Step(7), Evaluation(7), Sample(7));
        JsonNode[] lines = [.. File.ReadAllLines(Path).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(["step", "evaluation", "sample"], lines.Select(line => line["kind"]!.GetValue<string>()));
        Assert.Equal(3e-4, lines[0]["learningRate"]!.GetValue<double>());
        Assert.False(lines[0].AsObject().ContainsKey("mtpLoss"));
        Assert.Contains("Köln 🐉", JsonSerializer.Deserialize<JsonElement>(File.ReadAllLines(Path)[2]).GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Each_event_is_in_the_file_as_soon_as_it_is_appended()
    {
        using MetricsLog log = MetricsLog.Create(Path);
        for (int step = 1; step <= 3; step++)
        {
            log.Append(Step(step));
            Assert.Equal(step, MetricsLog.Read(Path).Count());
        }
    }

    [Fact]
    public void A_new_run_does_not_write_over_an_old_one()
    {
        Write(Step(1));
        CheckpointException e = Assert.Throws<CheckpointException>(() => MetricsLog.Create(Path));
        Assert.Contains(Path, e.Message, StringComparison.Ordinal);
        Assert.Single(MetricsLog.Read(Path));
    }

    [Fact]
    public void Resuming_drops_what_came_after_the_checkpoint_and_keeps_the_rest_byte_for_byte()
    {
        Write(Step(1), Full(2), Evaluation(2), Sample(2), Step(3), Evaluation(3));
        string[] before = File.ReadAllLines(Path);
        using (MetricsLog log = MetricsLog.OpenForResume(Path, step: 2)) log.Append(Step(3, 9));
        string[] after = File.ReadAllLines(Path);
        Assert.Equal(before[..4], after[..4]);
        Assert.Equal(9, Assert.IsType<StepMetrics>(MetricsLog.Read(Path).Last()).Loss);
        Assert.Equal(5, after.Length);
        Assert.Single(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Resuming_without_a_file_begins_one()
    {
        using (MetricsLog log = MetricsLog.OpenForResume(Path, step: 5)) log.Append(Step(6));
        Assert.Equal(6, Assert.Single(MetricsLog.Read(Path)).Step);
    }

    [Fact]
    public void A_file_cut_at_any_byte_reads_as_the_lines_that_are_whole_and_can_be_resumed()
    {
        TrainingEvent[] events = [Full(1), Sample(1, "ü"), Evaluation(1), Step(2)];
        Write(events);
        byte[] whole = File.ReadAllBytes(Path);
        for (int length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(Path, whole[..length]);

            // A line is whole when its closing brace is there, which its end follows.
            int lines = whole.AsSpan(0, Math.Min(length + 1, whole.Length)).Count((byte)'\n');
            Assert.Equal(lines, MetricsLog.Read(Path).Count());
            using (MetricsLog log = MetricsLog.OpenForResume(Path, step: 9)) log.Append(Evaluation(10));
            Assert.Equal([.. events[..lines].Select(e => e.Step), 10], MetricsLog.Read(Path).Select(e => e.Step));
        }
    }

    [Theory]
    [InlineData("", "nothing")]
    [InlineData("null", "null")]
    [InlineData("[]", "'[...'")]
    [InlineData("{\"step\":2}", "'{...'")]
    [InlineData("{\"kind\":\"other\",\"step\":2}", "'{...'")]
    [InlineData("{\"kind\":\"sample\",\"step\":2}", "'{...'")]
    [InlineData("{\"kind\":\"sample\",\"step\":2,\"prompt\":\"\",\"te", "'{...'")]
    public void A_bad_line_in_the_middle_is_named(string line, string found)
    {
        Write(Step(1));
        File.AppendAllText(Path, line + "\n");
        File.AppendAllText(Path, File.ReadAllLines(Path)[0] + "\n");
        string before = File.ReadAllText(Path);
        foreach (Action use in (Action[])[() => Assert.Empty(MetricsLog.Read(Path)), () => MetricsLog.OpenForResume(Path, 9).Dispose()])
        {
            CheckpointException e = Assert.Throws<CheckpointException>(use);
            Assert.StartsWith($"{Path}: line 2 holds {found}", e.Message, StringComparison.Ordinal);
        }

        Assert.Equal(before, File.ReadAllText(Path));
        Assert.Single(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_missing_file_is_one_sentence() =>
        Assert.Contains("there is no such file", Assert.Throws<CheckpointException>(() => Assert.Empty(MetricsLog.Read(Path))).Message, StringComparison.Ordinal);

    [Fact]
    public void Damaged_files_read_or_are_refused_with_their_name()
    {
        Write(Full(1), Sample(1), Evaluation(1), Step(2));
        byte[] whole = File.ReadAllBytes(Path);
        Random random = new(5);
        int refused = 0;
        for (int round = 0; round < 2000; round++)
        {
            byte[] damaged = [.. whole];
            for (int edits = random.Next(1, 4); edits > 0; edits--) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(Path, damaged);
            try
            {
                Assert.InRange(MetricsLog.Read(Path).Count(), 0, 16);
            }
            catch (CheckpointException e)
            {
                Assert.StartsWith($"{Path}: line ", e.Message, StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.InRange(refused, 100, 1999);
    }

    [Fact]
    public void Lines_longer_than_any_buffer_are_read()
    {
        string text = new('x', 300_000);
        Write(Step(1), Sample(1, text), Step(2));
        Assert.Equal(text, Assert.IsType<SampleText>(MetricsLog.Read(Path).ElementAt(1)).Text);
        Assert.Equal(3, MetricsLog.Read(Path).Count());
    }

    private void Write(params TrainingEvent[] events)
    {
        using MetricsLog log = MetricsLog.Create(Path);
        foreach (TrainingEvent e in events) log.Append(e);
    }
}
