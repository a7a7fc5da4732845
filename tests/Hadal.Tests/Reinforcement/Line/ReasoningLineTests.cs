using Hadal.Data;
using Hadal.Reinforcement;
using Hadal.Reinforcement.Line;
using Hadal.Reinforcement.Sampling;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Reinforcement.Runs;
using Hadal.Tests.Training.Runs;
using Hadal.Training;

namespace Hadal.Tests.Reinforcement.Line;

/// <summary>The kinds of stages of R1's line, one resting on the other: reinforcement, rejection sampling, and fine-tuning under a teacher.</summary>
public sealed class ReasoningLineTests(GroupPolicyTrainingTests.Base start) : IClassFixture<GroupPolicyTrainingTests.Base>
{
    [Fact]
    public void Stopped_in_each_kind_of_stage_and_resumed_it_makes_the_bits_of_an_uninterrupted_line()
    {
        using TemporaryFolder whole = new(), parts = new();
        using SilentObserver silent = new();
        using (StageLine line = StageLine.Open(whole.Path, Stages(whole), silent)) Assert.Equal(TrainingOutcome.Completed, line.Run().Outcome);

        List<string> stopped = [];
        foreach ((string stage, int step) in ((string, int)[])[("zero", 1), ("samples", 0), ("tuned", 2)])
        {
            using CancellationTokenSource cancellation = new();
            string now = "";
            using WatchingObserver observer = new()
            {
                OnStage = begun =>
                {
                    now = begun.Name;
                    if (now == stage && step == 0) cancellation.Cancel();
                },
                OnStep = metrics =>
                {
                    if (now == stage && metrics.Step == step) cancellation.Cancel();
                },
            };
            using StageLine line = StageLine.Open(parts.Path, Stages(parts), observer, resume: true);
            if (line.Run(cancellation.Token).Outcome == TrainingOutcome.Stopped) stopped.Add($"{now} {line.Begun.Count(record => record.Output is not null)}");
        }

        Assert.Equal(["zero 0", "samples 1", "tuned 2"], stopped);
        using (StageLine line = StageLine.Open(parts.Path, Stages(parts), silent, resume: true))
        {
            Assert.Equal(TrainingOutcome.Completed, line.Run().Outcome);
            Assert.Equal(Path.Combine(parts.Path, "02-samples", "samples.jsonl"), line.Output("samples"));
            Assert.All(line.Begun, record => Assert.True(record.Tokens > 0, record.Name));
        }

        foreach (string file in (string[])["01-zero/model/model.safetensors", "02-samples/samples.jsonl", "02-samples/summary.json", "03-tuned/model/model.safetensors"])
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(whole.Path, file)), File.ReadAllBytes(Path.Combine(parts.Path, file)));
        }
    }

    private IReadOnlyList<LineStage> Stages(TemporaryFolder folder)
    {
        GroupPolicyRecipe zero = start.Recipe(folder, "steps=3");
        return
        [
            LineStage.OfRecipe("zero", zero),
            LineStage.OfRecipe("samples", new SamplingRecipe
            {
                Stage = "sample", Output = ".", Model = "${zero}", Task = zero.Task, Problems = 12, Answers = 6, MaxTokens = 48, AtOnce = 4, Format = ExampleFormat.Text,
            }),
            LineStage.OfRecipe("tuned", new TrainingRecipe
            {
                Output = ".",
                Model = new ModelSource { Path = "${zero}" },
                Teacher = new TeacherOptions { Model = "${zero}" },
                Data = new DataOptions { Sources = [new DataSource { Path = "${samples}" }] },
                Batch = new BatchOptions { Packs = 2, SequenceLength = 64 },
                Steps = 3,
                Checkpoints = new CheckpointOptions { Every = 1 },
            }),
        ];
    }
}
