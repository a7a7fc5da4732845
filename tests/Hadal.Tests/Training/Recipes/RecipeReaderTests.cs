using Hadal.Training;

namespace Hadal.Tests.Training.Recipes;

/// <summary>Recipes are strict: what isn't understood is an error with a place.</summary>
public sealed class RecipeReaderTests
{
    private const string Least = """
        {
          // a comment
          "$schema": "./recipe.schema.json",
          "output": "runs/x",
          "model": { "path": "m" },
          "data": { "sources": [ { "path": "a.txt" }, ] },
          "steps": 10,
        }
        """;

    [Fact]
    public void Comments_and_trailing_commas_are_allowed_and_defaults_fill_the_rest()
    {
        TrainingRecipe recipe = Parse(Least);
        Assert.Equal(("runs/x", 10, "m", "a.txt"), (recipe.Output, recipe.Steps, recipe.Model.Path, recipe.Data.Sources[0].Path));
        Assert.Equal(new BatchOptions(), recipe.Batch with { LaterLengths = new BatchOptions().LaterLengths });
    }

    [Fact]
    public void Settings_override_values_and_make_objects_that_are_missing()
    {
        TrainingRecipe recipe = Parse(Least, "learningRate.peak=3e-4", "output=/tmp/with=sign", "steps=null", "epochs=2.5", "optimizer.kind=muon", "optimizer.muon.momentum=0.9");
        Assert.Equal((3e-4, "/tmp/with=sign", (int?)null, 2.5), (recipe.LearningRate.Peak, recipe.Output, recipe.Steps, recipe.Epochs));
        Assert.Equal((OptimizerKind.Muon, 0.9), (recipe.Optimizer.Kind, recipe.Optimizer.Muon.Momentum));
    }

    [Fact]
    public void A_recipe_written_and_read_again_is_the_same()
    {
        string once = RecipeReader.ToJson(Parse(Least, "balancing.speed=0.002", "average.decay=0.99", "batch.laterLengths=[{\"fromStep\":5,\"length\":64}]"));
        Assert.Equal(once, RecipeReader.ToJson(RecipeReader.Parse<TrainingRecipe>(once, "again")));
    }

    [Theory]
    [InlineData("\"steps\"", "\"stepz\"", "'stepz' is not a key", "steps")]
    [InlineData("{ \"path\": \"m\" }", "{ \"pfad\": \"m\" }", "'model.pfad' is not a key", "path, config")]
    [InlineData("{ \"path\": \"a.txt\" }", "{ \"path\": \"a.txt\", \"wait\": 1 }", "'data.sources[0].wait' is not a key", "weight")]
    [InlineData("10", "\"ten\"", "'steps' is \"ten\"", "a whole number")]
    [InlineData("10", "10.5", "'steps' is 10.5", "a whole number")]
    [InlineData("10", "10, \"precision\": \"fp7\"", "'precision' is \"fp7\"", "f32, bf16")]
    [InlineData("10", "10, \"recompute\": 1", "'recompute' is 1", "true or false")]
    [InlineData("10", "10, \"steps\": 11", "twice", "steps")]
    [InlineData("\"output\": \"runs/x\",", "", "a key is missing", "output")]
    [InlineData("\"runs/x\"", "runs/x", "line 4", "JSON")]
    public void A_mistake_is_named_with_its_place_and_what_was_expected(string old, string replacement, params string[] parts)
    {
        RecipeException e = Assert.Throws<RecipeException>(() => Parse(Least.Replace(old, replacement, StringComparison.Ordinal)));
        Assert.StartsWith("r.json: ", e.Message, StringComparison.Ordinal);
        Assert.All(parts, part => Assert.Contains(part, e.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("steps", "found no key and value")]
    [InlineData("=3", "found no key and value")]
    [InlineData("output.x=3", "'output' is \"runs/x\"")]
    [InlineData("learningRate.peek=3", "'learningRate.peek' is not a key")]
    public void A_setting_that_can_not_be_applied_is_named(string setting, string part)
    {
        RecipeException e = Assert.Throws<RecipeException>(() => Parse(Least, setting));
        Assert.Contains($"--set {setting}", e.Message, StringComparison.Ordinal);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_one_sentence()
    {
        RecipeException e = Assert.Throws<RecipeException>(() => RecipeReader.Read<TrainingRecipe>("no/such/recipe.json"));
        Assert.StartsWith("no/such/recipe.json: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_recipes_never_cause_another_exception()
    {
        Random random = new(5);
        for (int round = 0; round < 3000; round++)
        {
            char[] text = Least.ToCharArray();
            for (int edit = random.Next(1, 4); edit > 0; edit--) text[random.Next(text.Length)] = "{}[]\",:0a.\\\u0001e"[random.Next(13)];
            try
            {
                Parse(new string(text));
            }
            catch (RecipeException e)
            {
                Assert.StartsWith("r.json: ", e.Message, StringComparison.Ordinal);
            }
        }
    }

    private static TrainingRecipe Parse(string text, params string[] settings) => RecipeReader.Parse<TrainingRecipe>(text, "r.json", settings);
}
