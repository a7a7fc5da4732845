using System.Text.Json.Nodes;
using Hadal.Checkpoints;
using Hadal.Reinforcement;
using Hadal.Reinforcement.Line;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Training.Runs;
using Hadal.Training;

namespace Hadal.Tests.Reinforcement.Line;

/// <summary>Stages one after the other: what is passed over, what goes on, and what is refused.</summary>
public sealed class StageLineTests
{
    [Fact]
    public void Stages_run_in_order_each_in_its_folder_with_what_those_before_it_made()
    {
        using TemporaryFolder folder = new();
        List<string> seen = [];
        using WatchingObserver observer = new() { OnStage = stage => seen.Add($"{stage.Number}/{stage.Count} {stage.Name} {stage.Resumes}") };
        using StageLine line = StageLine.Open(folder.Path, [Writer("one", _ => "1"), Writer("two", context => File.ReadAllText(context.Output("one")) + "2")], observer);
        TrainingEnd end = line.Run();
        Assert.Equal((TrainingOutcome.Completed, 2, Path.Combine(folder.Path, "02-two", "made.txt")), (end.Outcome, end.Steps, end.Folder));
        Assert.Equal("12", File.ReadAllText(end.Folder));
        Assert.Equal(["1/2 one False", "2/2 two False"], seen);
    }

    [Fact]
    public void Finished_stages_are_passed_over_and_one_that_failed_runs_again()
    {
        using TemporaryFolder folder = new();
        List<string> ran = [];
        bool fails = true;
        LineStage[] stages =
        [
            Writer("one", _ => Ran("one")),
            Writer("two", context => fails ? throw new IOException("no room") : Ran($"two {context.Resumes}")),
            Writer("three", _ => Ran("three")),
        ];
        Assert.Throws<IOException>(() => Run(folder.Path, stages));
        fails = false;
        Assert.Equal(TrainingOutcome.Completed, Run(folder.Path, stages).Outcome);
        Assert.Equal(["one", "two True", "three"], ran);

        // A finished line has nothing left to do, until a stage is added.
        Run(folder.Path, stages);
        Run(folder.Path, [.. stages, Writer("four", _ => Ran("four"))]);
        Assert.Equal(["one", "two True", "three", "four"], ran);

        string Ran(string what)
        {
            ran.Add(what);
            return what;
        }
    }

    [Fact]
    public void Stopped_in_any_stage_and_resumed_it_makes_the_bits_of_an_uninterrupted_line()
    {
        using TemporaryFolder whole = new(), parts = new();
        string expected = TinyLine(whole), recipe = TinyLine(parts);
        File.Copy(Path.Combine(whole.Path, "text.txt"), Path.Combine(parts.Path, "text.txt"), overwrite: true);
        using SilentObserver silent = new();
        TrainingEnd end = RecipeKind.OfFile(expected).RunFile(expected, [], silent);
        Assert.Equal((TrainingOutcome.Completed, 2), (end.Outcome, end.Steps));

        int stopped = 0;
        foreach (int step in (int[])[1, 5, 2])
        {
            using CancellationTokenSource cancellation = new();
            using WatchingObserver observer = new() { OnStep = metrics => Stop(metrics.Step == step, cancellation) };
            if (RecipeKind.OfFile(recipe).RunFile(recipe, [], observer, resume: true, cancellation.Token).Outcome == TrainingOutcome.Stopped) stopped++;
        }

        Assert.Equal(3, stopped);
        Assert.Equal(TrainingOutcome.Completed, RecipeKind.OfFile(recipe).RunFile(recipe, [], silent, resume: true).Outcome);
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(whole.Path, "line", "02-tuned", "model", "model.safetensors")),
            File.ReadAllBytes(Path.Combine(parts.Path, "line", "02-tuned", "model", "model.safetensors")));
    }

    [Fact]
    public void A_line_that_is_there_is_only_gone_on_with_when_asked()
    {
        using TemporaryFolder folder = new();
        Run(folder.Path, [Writer("one", _ => "1")]);
        using SilentObserver observer = new();
        CheckpointException e = Assert.Throws<CheckpointException>(() => StageLine.Open(folder.Path, [Writer("one", _ => "1")], observer));
        Assert.Contains("--resume", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_finished_stage_that_has_changed_is_refused_with_the_key_and_both_values()
    {
        using TemporaryFolder folder = new();
        Run(folder.Path, [Writer("one", _ => "1", seed: 4)]);
        RecipeException e = Assert.Throws<RecipeException>(() => Run(folder.Path, [Writer("one", _ => "1", seed: 5)]));
        Assert.Contains("'one' was made with seed = 4, found 5", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<RecipeException>(() => Run(folder.Path, [Writer("other", _ => "1", seed: 4)]));
        Assert.Contains("stage 1 was 'one', found 'other'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_finished_recipe_only_what_is_shown_or_kept_may_change()
    {
        using TemporaryFolder folder = new();
        string recipe = TinyLine(folder);
        using SilentObserver observer = new();
        RecipeKind kind = RecipeKind.OfFile(recipe);
        string[] few = ["stages.base.steps=2", "stages.tuned.steps=2"];
        kind.RunFile(recipe, few, observer);
        Assert.Equal(TrainingOutcome.Completed, kind.RunFile(recipe, [.. few, "stages.base.checkpoints.keep=5"], observer, resume: true).Outcome);
        RecipeException e = Assert.Throws<RecipeException>(() => kind.RunFile(recipe, [.. few, "stages.base.learningRate.peak=0.5"], observer, resume: true));
        Assert.Contains("'base' was made with learningRate.peak = 0.003, found 0.5", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("stages.tuned.model.path=${bse}/model", "'tuned' rests on ${bse}, expected one of the stages before it: base")]
    [InlineData("stages.base.tokenizer={\"path\":\"${tuned}\"}", "'base' rests on ${tuned}, expected none")]
    [InlineData("stages.tuned.name=base", "two stages are called 'base'")]
    [InlineData("stages.tuned.name=../up", "a stage is called '../up'")]
    [InlineData("stages.tuned.name=null", "stages[1].name is nothing")]
    [InlineData("stages.tuned.output=x", "'tuned' has an output")]
    [InlineData("stages.tuned.stepz=3", "the stage 'tuned': 'stepz' is not a key")]
    [InlineData("stages.tuned.steps=0", "the stage 'tuned': the recipe's steps is 0")]
    [InlineData("stages.tuned.stage=line", "'tuned' is a line")]
    [InlineData("stages.tuned.stage=grpp", "the stage 'tuned': 'stage' is 'grpp', expected one of grpo")]
    [InlineData("stages.tuning.steps=2", "nothing is called 'tuning'")]
    [InlineData("stages=[]", "no stage")]
    public void What_can_not_work_is_refused_before_the_first_stage_runs(string setting, string part)
    {
        using TemporaryFolder folder = new();
        string recipe = TinyLine(folder);
        using SilentObserver observer = new();
        RecipeException e = Assert.Throws<RecipeException>(() => RecipeKind.OfFile(recipe).RunFile(recipe, [setting], observer));
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(folder.Path, "line")));
    }

    [Fact]
    public void A_damaged_state_of_the_line_is_one_sentence()
    {
        using TemporaryFolder folder = new();
        Run(folder.Path, [Writer("one", _ => "1")]);
        string state = Path.Combine(folder.Path, "line.json");
        File.WriteAllText(state, File.ReadAllText(state)[..40]);
        RecipeException e = Assert.Throws<RecipeException>(() => Run(folder.Path, [Writer("one", _ => "1")]));
        Assert.StartsWith(state, e.Message, StringComparison.Ordinal);
    }

    /// <summary>Two recipes, the second of which trains the model of the first further.</summary>
    private static string TinyLine(TemporaryFolder folder)
    {
        JsonObject first = JsonNode.Parse(File.ReadAllText(TinyRun.Write(folder, "steps=6", "checkpoints.every=2")))!.AsObject(), second = first.DeepClone().AsObject();
        first.Remove("output");
        second.Remove("output");
        second.Remove("tokenizer");
        (first["name"], second["name"], second["model"]) = ("base", "tuned", new JsonObject { ["path"] = "${base}" });
        JsonObject line = new() { ["stage"] = "line", ["output"] = Path.Combine(folder.Path, "line"), ["stages"] = new JsonArray(first, second) };
        string path = Path.Combine(folder.Path, "line-recipe.json");
        File.WriteAllText(path, line.ToJsonString());
        return path;
    }

    private static LineStage Writer(string name, Func<StageContext, string> text, int seed = 1) => new(name, new JsonObject { ["seed"] = seed }, (context, _) =>
    {
        string path = Path.Combine(context.Folder, "made.txt");
        File.WriteAllText(path, text(context));
        return new StageResult(path);
    });

    private static TrainingEnd Run(string folder, IReadOnlyList<LineStage> stages)
    {
        using SilentObserver observer = new();
        using StageLine line = StageLine.Open(folder, stages, observer, resume: true);
        return line.Run();
    }

    private static void Stop(bool now, CancellationTokenSource cancellation)
    {
        if (now) cancellation.Cancel();
    }
}
