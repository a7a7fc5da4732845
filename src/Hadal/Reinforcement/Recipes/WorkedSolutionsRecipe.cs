using Hadal.Reinforcement.Sampling;
using Hadal.Training;
using static Hadal.Training.RecipeValidation;

namespace Hadal.Reinforcement;

/// <summary>
/// Everything that decides a file of worked solutions: what a model is shown before it is reinforced (the cold start of DeepSeek-R1, arXiv
/// 2501.12948, section 2.3.1), or what a small one is pretrained on. Nobody answers: the tasks know the way.
/// </summary>
public sealed record WorkedSolutionsRecipe
{
    /// <summary>What tells a recipe of this kind apart.</summary>
    internal const string Kind = "worked";

    /// <summary>What tells a recipe of this kind apart: <c>worked</c>.</summary>
    public required string Stage { get; init; }

    /// <summary>What the recipe is for, in words.</summary>
    public string? Description { get; init; }

    /// <summary>The folder that the run makes.</summary>
    public required string Output { get; init; }

    /// <summary>Decides problems and the ways to their answers.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>What to solve: countdown, arithmetic, chain, or a mix of these. Problems are of the training side only.</summary>
    public TaskOptions Task { get; init; } = new();

    /// <summary>Problems to solve.</summary>
    public required int Problems { get; init; }

    /// <summary>How solutions are written.</summary>
    public ExampleFormat Format { get; init; } = ExampleFormat.Chat;

    /// <summary>Finds what can be wrong with the recipe by itself.</summary>
    /// <exception cref="RecipeException">A value can't be; the message names its key.</exception>
    internal void Check()
    {
        Require(Stage == Kind, "stage", Stage, Kind);
        Require(Problems > 0, "problems", Problems, "1 or more");
    }
}
