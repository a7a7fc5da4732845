using Hadal.Training;

namespace Hadal.Tests.Training.Recipes;

/// <summary>The recipes that come with the program are read as they are, and their schema is what the reader takes.</summary>
public sealed class ShippedRecipesTests
{
    private static readonly string s_folder = Path.Combine(AppContext.BaseDirectory, "recipes");

    public static TheoryData<string> Recipes => [.. Directory.GetFiles(s_folder, "*.json").Select(file => Path.GetFileName(file)!).Where(name => !name.EndsWith(".schema.json", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Recipes))]
    public void A_recipe_is_read(string name)
    {
        TrainingRecipe recipe = RecipeReader.Read<TrainingRecipe>(Path.Combine(s_folder, name));
        Assert.NotNull(recipe.Description);
        RecipeValidation.Check(recipe);
        recipe.Optimizer.Validate();
        recipe.LearningRate.Schedule().Validate();
        recipe.Data.Validate();
    }

    [Fact]
    public void The_schema_is_that_of_the_reader() =>
        Assert.Equal(RecipeSchema.Of<TrainingRecipe>(), File.ReadAllText(Path.Combine(s_folder, "recipe.schema.json"))); // hadal train --schema
}
