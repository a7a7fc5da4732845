using System.Text.Json.Nodes;
using Hadal.Reinforcement;
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
        string path = Path.Combine(s_folder, name);
        JsonObject recipe = RecipeKind.OfFile(path).Complete(File.ReadAllText(path), name);
        Assert.NotNull(recipe["description"]);
        if (recipe["stage"] is not null) return;
        TrainingRecipe read = RecipeReader.Read<TrainingRecipe>(path);
        read.Optimizer.Validate();
        read.LearningRate.Schedule().Validate();
        read.Data.Validate();
    }

    [Fact]
    public void The_schema_is_that_of_the_reader() =>
        Assert.Equal(RecipeKind.Schema(), File.ReadAllText(Path.Combine(s_folder, "recipe.schema.json"))); // hadal train --schema

    [Fact]
    public void The_schema_has_every_kind_alone_and_within_a_line()
    {
        JsonObject schema = JsonNode.Parse(RecipeKind.Schema())!.AsObject(), definitions = schema["$defs"]!.AsObject();
        Assert.Equal(RecipeKind.All.Count, schema["oneOf"]!.AsArray().Count);
        JsonArray inLine = definitions["line"]!["properties"]!["stages"]!["items"]!["oneOf"]!.AsArray();
        Assert.Equal(RecipeKind.All.Count - 1, inLine.Count);
        foreach (JsonNode? reference in schema["oneOf"]!.AsArray().Concat(inLine))
        {
            JsonObject kind = definitions[reference!["$ref"]!.GetValue<string>()["#/$defs/".Length..]]!.AsObject();
            bool isInLine = inLine.Contains(reference);
            Assert.Equal(isInLine, kind["properties"]!.AsObject().ContainsKey("name"));
            Assert.Equal(!isInLine, kind["properties"]!.AsObject().ContainsKey("output"));
            Assert.False(kind["additionalProperties"]!.GetValue<bool>());
        }
    }
}
