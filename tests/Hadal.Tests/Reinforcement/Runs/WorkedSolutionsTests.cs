using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Reinforcement;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Tasks;
using Hadal.Tests.Checkpoints;
using Hadal.Training;

namespace Hadal.Tests.Reinforcement.Runs;

/// <summary>Files of worked solutions: right, in R1's form, and of training problems only.</summary>
public sealed class WorkedSolutionsTests
{
    [Theory]
    [InlineData("{\"name\":\"countdown\",\"terse\":true}")]
    [InlineData("{\"name\":\"arithmetic\",\"size\":3}")]
    [InlineData("{\"name\":\"chain\"}")]
    [InlineData("{\"name\":\"mix\",\"mix\":[{\"name\":\"countdown\",\"weight\":3},{\"name\":\"arithmetic\"}]}")]
    public void Every_solution_is_right_and_of_the_form_and_its_problem_may_be_trained_on(string task)
    {
        using TemporaryFolder folder = new();
        WorkedSolutionsRecipe recipe = Recipe(folder, $"task={task}");
        TrainingEnd end = Run(recipe);
        Assert.Equal((TrainingOutcome.Completed, 60), (end.Outcome, end.Steps));

        VerifiableTask made = recipe.Task.Create();
        Dictionary<string, Problem> training = [];
        for (int i = 0; i < 200; i++) training.TryAdd(made.Generate(ProblemSplit.Training, 1, i).Prompt, made.Generate(ProblemSplit.Training, 1, i));
        string[] lines = File.ReadAllLines(end.Folder);
        Assert.Equal(60, lines.Length);
        foreach (string line in lines)
        {
            using JsonDocument json = JsonDocument.Parse(line);
            JsonElement messages = json.RootElement.GetProperty("messages");
            string response = messages[1].GetProperty("content").GetString()!;
            Assert.True(ResponseFormat.IsWellFormed(response), response);
            Assert.True(made.Verify(training[messages[0].GetProperty("content").GetString()!], ResponseFormat.Answer(response)!), line);
        }
    }

    [Fact]
    public void The_same_seed_writes_the_same_bytes_another_others_and_a_changed_recipe_is_refused()
    {
        using TemporaryFolder one = new(), two = new(), three = new();
        byte[] first = File.ReadAllBytes(Run(Recipe(one, "format=text")).Folder);
        Assert.Equal(first, File.ReadAllBytes(Run(Recipe(two, "format=text")).Folder));
        Assert.NotEqual(first, File.ReadAllBytes(Run(Recipe(three, "format=text", "seed=2")).Folder));
        Assert.Equal(first, File.ReadAllBytes(Run(Recipe(one, "format=text"), resume: true).Folder));
        Assert.Throws<CheckpointException>(() => Run(Recipe(one, "format=text")));
        RecipeException e = Assert.Throws<RecipeException>(() => Run(Recipe(one, "format=text", "problems=3"), resume: true));
        Assert.Contains("problems = 60, found 3", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("task={\"name\":\"sudoku\"}", "sudoku")]
    [InlineData("task={\"name\":\"mix\"}", "task.mix")]
    [InlineData("task={\"name\":\"mix\",\"mix\":[{\"name\":\"mix\"}]}", "mix")]
    [InlineData("task={\"name\":\"mix\",\"mix\":[{\"name\":\"chain\",\"weight\":0}]}", "weight 0")]
    public void A_task_without_known_ways_is_refused_with_a_sentence(string setting, string part)
    {
        using TemporaryFolder folder = new();
        RecipeException e = Assert.Throws<RecipeException>(() => Run(Recipe(folder, setting)));
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    private static WorkedSolutionsRecipe Recipe(TemporaryFolder folder, params string[] settings) => RecipeReader.Parse<WorkedSolutionsRecipe>(
        $$"""{ "stage": "worked", "output": {{JsonSerializer.Serialize(Path.Combine(folder.Path, "run"))}}, "problems": 60 }""", "worked", settings);

    private static TrainingEnd Run(WorkedSolutionsRecipe recipe, bool resume = false)
    {
        using SilentObserver observer = new();
        return WorkedSolutions.Run(recipe, observer, resume);
    }
}
