using Hadal.Numerics;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Sampling;
using Hadal.Training;
using static Hadal.Training.RecipeValidation;

namespace Hadal.Reinforcement;

/// <summary>
/// Everything that decides what rejection sampling writes: data for fine-tuning from a model's own verified answers (DeepSeek-R1, arXiv
/// 2501.12948, section 2.3.3).
/// </summary>
public sealed record SamplingRecipe
{
    /// <summary>What tells a recipe of this kind apart.</summary>
    internal const string Kind = "sample";

    /// <summary>What tells a recipe of this kind apart: <c>sample</c>.</summary>
    public required string Stage { get; init; }

    /// <summary>What the recipe is for, in words.</summary>
    public string? Description { get; init; }

    /// <summary>The folder that the run makes.</summary>
    public required string Output { get; init; }

    /// <summary>Decides problems and samples.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The folder of the model that answers, with its tokenizer.</summary>
    public required string Model { get; init; }

    /// <summary>What to ask. Problems are of the training side only.</summary>
    public TaskOptions Task { get; init; } = new();

    /// <summary>How questions become prompts.</summary>
    public PromptStyle Prompt { get; init; } = PromptStyle.Plain;

    /// <summary>Problems to ask.</summary>
    public required int Problems { get; init; }

    /// <summary>Answers to each: k.</summary>
    public int Answers { get; init; } = 8;

    /// <summary>Most tokens of an answer.</summary>
    public int MaxTokens { get; init; } = 256;

    /// <summary>Sampling temperature, above 0.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Problems asked at a time: what is sampled again after an interruption.</summary>
    public int AtOnce { get; init; } = 32;

    /// <summary>What products do to their factors; as the model was trained.</summary>
    public ProductPrecision Precision { get; init; } = ProductPrecision.F32;

    /// <summary>What is kept.</summary>
    public RejectionSampling Keep { get; init; } = new();

    /// <summary>Fewest examples: with fewer the run fails, for whoever would train on them has nothing to learn from.</summary>
    public int LeastExamples { get; init; } = 1;

    /// <summary>How what is kept is written.</summary>
    public ExampleFormat Format { get; init; } = ExampleFormat.Chat;

    /// <summary>Finds what can be wrong with the recipe by itself.</summary>
    /// <exception cref="RecipeException">A value can't be; the message names its key.</exception>
    internal void Check()
    {
        Require(Stage == Kind, "stage", Stage, Kind);
        Require(Problems > 0, "problems", Problems, "1 or more");
        Require(Answers > 0, "answers", Answers, "1 or more");
        Require(MaxTokens > 0, "maxTokens", MaxTokens, "1 or more");
        Require(Temperature > 0 && float.IsFinite(Temperature), "temperature", Temperature, "more than 0");
        Require(AtOnce > 0, "atOnce", AtOnce, "1 or more");
        Require(LeastExamples >= 0, "leastExamples", LeastExamples, "0 or more");
        Require(Keep.LongestResponse > 0, "keep.longestResponse", Keep.LongestResponse, "1 or more");
        Require(Keep.MostPerPrompt > 0, "keep.mostPerPrompt", Keep.MostPerPrompt, "1 or more");
        Require(Keep.RunLength > 0, "keep.runLength", Keep.RunLength, "1 or more");
        Require(Keep.LeastLanguageShare is >= 0 and <= 1, "keep.leastLanguageShare", Keep.LeastLanguageShare, "0 to 1");
        Require(Keep.LargestRepeatedShare is >= 0 and <= 1, "keep.largestRepeatedShare", Keep.LargestRepeatedShare, "0 to 1");
    }
}
