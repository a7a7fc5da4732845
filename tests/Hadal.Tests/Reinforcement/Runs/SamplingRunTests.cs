using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Data;
using Hadal.Reinforcement;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Tasks;
using Hadal.Tests.Checkpoints;
using Hadal.Training;

namespace Hadal.Tests.Reinforcement.Runs;

/// <summary>Rejection sampling of the model that guesses one of four letters, of which the third is right.</summary>
public sealed class SamplingRunTests(GroupPolicyTrainingTests.Base start) : IClassFixture<GroupPolicyTrainingTests.Base>
{
    [Fact]
    public void Only_right_answers_to_training_problems_are_kept_and_the_summary_adds_up()
    {
        using TemporaryFolder folder = new();
        SamplingRecipe recipe = Recipe(folder, "keep.mostPerPrompt=2");
        TrainingEnd end = Run(recipe);
        Assert.Equal((TrainingOutcome.Completed, 20, Path.Combine(recipe.Output, "samples.jsonl")), (end.Outcome, end.Steps, end.Folder));

        (string Question, string Response)[] kept = [.. File.ReadLines(end.Folder).Select(Messages)];
        Assert.NotEmpty(kept);
        Assert.All(kept, pair => Assert.Equal("Y", ResponseFormat.Answer(pair.Response)));
        Assert.All(kept, pair => Assert.True(ResponseFormat.IsWellFormed(pair.Response), pair.Response));
        Assert.All(kept.GroupBy(pair => pair.Question), group => Assert.InRange(group.Count(), 1, 2));
        ProblemListTask task = (ProblemListTask)recipe.Task.Create();
        string[] heldOut = [.. task.HeldOut(task.Count(ProblemSplit.HeldOut)).Select(problem => problem.Prompt)];
        Assert.NotEmpty(heldOut);
        Assert.DoesNotContain(kept, pair => heldOut.Contains(pair.Question));

        using JsonDocument summary = JsonDocument.Parse(File.ReadAllText(Path.Combine(recipe.Output, "summary.json")));
        int Number(string key) => summary.RootElement.GetProperty(key).GetInt32();
        Assert.Equal((20, 120, kept.Length), (Number("problems"), Number("answers"), Number("kept")));
        Assert.Equal(120, kept.Length + summary.RootElement.GetProperty("rejected").EnumerateObject().Sum(reason => reason.Value.GetInt32()));
        Assert.Equal(120 - Number("verified"), summary.RootElement.GetProperty("rejected").GetProperty("notVerified").GetInt32());
        Assert.Equal(end.Tokens, summary.RootElement.GetProperty("tokens").GetInt64());
    }

    [Theory]
    [InlineData("maxTokens=1", "120 were cut off, so a higher maxTokens may help")]
    [InlineData("keep.longestResponse=1", "keep turned down the others")]
    public void Too_few_examples_to_train_on_are_said_with_the_likely_cause_where_they_are_made(string setting, string cause)
    {
        using TemporaryFolder folder = new();
        SamplingRecipe recipe = Recipe(folder, setting);
        DataException e = Assert.Throws<DataException>(() => Run(recipe));
        Assert.Contains("samples.jsonl: it has 0 examples, expected 1 or more to train on; of 120 answers", e.Message, StringComparison.Ordinal);
        Assert.Contains(cause, e.Message, StringComparison.Ordinal);

        // Who can do without says so.
        using TemporaryFolder other = new();
        Assert.Empty(File.ReadAllLines(Run(Recipe(other, setting, "leastExamples=0")).Folder));
    }

    [Fact]
    public void Killed_at_any_byte_of_its_log_it_writes_what_an_uninterrupted_run_would()
    {
        using TemporaryFolder whole = new();
        SamplingRecipe recipe = Recipe(whole);
        byte[] expected = File.ReadAllBytes(Run(recipe).Folder), log = File.ReadAllBytes(Path.Combine(recipe.Output, "metrics.jsonl"));
        byte[] summary = File.ReadAllBytes(Path.Combine(recipe.Output, "summary.json"));
        Random random = new(11);
        for (int round = 0; round < 4; round++)
        {
            using TemporaryFolder parts = new();
            SamplingRecipe other = Recipe(parts);
            Directory.CreateDirectory(other.Output);
            File.WriteAllBytes(Path.Combine(other.Output, "metrics.jsonl"), log[..random.Next(log.Length)]);
            File.WriteAllText(Path.Combine(other.Output, "recipe.json"), RecipeReader.ToJson(other));
            Assert.Equal(expected, File.ReadAllBytes(Run(other, resume: true).Folder));
            Assert.Equal(summary, File.ReadAllBytes(Path.Combine(other.Output, "summary.json")));
            Assert.Equal(log, File.ReadAllBytes(Path.Combine(other.Output, "metrics.jsonl")));
        }
    }

    [Fact]
    public void Stopped_it_can_be_resumed_but_not_begun_again_nor_by_another_recipe()
    {
        using TemporaryFolder folder = new();
        SamplingRecipe recipe = Recipe(folder);
        using CancellationTokenSource cancellation = new();
        cancellation.Cancel();
        using (SilentObserver observer = new())
        using (SamplingRun run = SamplingRun.Open(recipe, observer))
        {
            Assert.Equal((TrainingOutcome.Stopped, 0), (run.Run(cancellation.Token).Outcome, run.Run(cancellation.Token).Steps));
        }

        Assert.False(File.Exists(Path.Combine(recipe.Output, "samples.jsonl")));
        Assert.Contains("--resume", Assert.Throws<CheckpointException>(() => Run(recipe)).Message, StringComparison.Ordinal);
        RecipeException e = Assert.Throws<RecipeException>(() => Run(recipe with { Answers = 3 }, resume: true));
        Assert.Contains("answers = 6, found 3", e.Message, StringComparison.Ordinal);
        Assert.Equal(TrainingOutcome.Completed, Run(recipe, resume: true).Outcome);
    }

    [Fact]
    public void As_text_an_example_is_prompt_and_response_as_the_model_saw_and_wrote_them()
    {
        using TemporaryFolder folder = new();
        TrainingEnd end = Run(Recipe(folder, "format=text", "problems=8"));
        string[] texts = [.. File.ReadLines(end.Folder).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("text").GetString()!)];
        Assert.NotEmpty(texts);
        Assert.All(texts, text => Assert.Matches(@"^[a-z]\?\n<think>[^<]+</think>\s*<answer>Y</answer>$", text));
    }

    [Theory]
    [InlineData("stage=grpo", "stage")]
    [InlineData("problems=0", "problems")]
    [InlineData("answers=0", "answers")]
    [InlineData("temperature=0", "temperature")]
    [InlineData("keep.leastLanguageShare=2", "keep.leastLanguageShare")]
    [InlineData("task.mix=[{\"name\":\"chain\"}]", "task.mix")]
    public void What_contradicts_itself_is_refused_with_a_sentence(string setting, string part)
    {
        using TemporaryFolder folder = new();
        RecipeException e = Assert.Throws<RecipeException>(() => Run(Recipe(folder, setting)));
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    private SamplingRecipe Recipe(TemporaryFolder folder, params string[] settings) => RecipeReader.Parse<SamplingRecipe>(
        $$"""
        {
          "stage": "sample",
          "output": {{JsonSerializer.Serialize(Path.Combine(folder.Path, "run"))}},
          "model": {{JsonSerializer.Serialize(start.Model)}},
          "task": { "name": "file", "path": {{JsonSerializer.Serialize(start.Problems)}} },
          "problems": 20, "answers": 6, "maxTokens": 48, "atOnce": 6
        }
        """, "sample", settings);

    private static TrainingEnd Run(SamplingRecipe recipe, bool resume = false)
    {
        using SilentObserver observer = new();
        using SamplingRun run = SamplingRun.Open(recipe, observer, resume);
        return run.Run();
    }

    private static (string Question, string Response) Messages(string line)
    {
        using JsonDocument json = JsonDocument.Parse(line);
        JsonElement messages = json.RootElement.GetProperty("messages");
        return (messages[0].GetProperty("content").GetString()!, messages[1].GetProperty("content").GetString()!);
    }
}
