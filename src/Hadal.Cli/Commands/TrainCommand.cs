using System.CommandLine;
using Hadal.Cli.Training;
using Hadal.Reinforcement;
using Hadal.Training;

namespace Hadal.Cli.Commands;

/// <summary>`hadal train`: runs a recipe.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        Argument<string?> recipe = new("recipe") { Description = "The recipe: JSON with comments.", Arity = ArgumentArity.ZeroOrOne };
        Option<bool> resume = new("--resume") { Description = "Go on from the last saved state of the output folder, or begin if there is none." };
        Option<string[]> set = new("--set") { Description = "Override a value of the recipe, as in learningRate.peak=3e-4; may be given several times." };
        Option<string?> data = new("--data") { Description = "A file or folder to train on; replaces the path of the recipe's first source." };
        Option<string?> output = new("--output") { Description = "The folder that the run makes; replaces the recipe's." };
        Option<bool> plain = new("--plain") { Description = "Print lines even where there is a terminal." };
        Option<bool> schema = new("--schema") { Description = "Print the JSON schema of recipes and do nothing else." };
        Option<bool> json = JsonOutput.Option();
        Command command = new("train", "Train a model by a recipe: pretraining, fine-tuning on conversations, or reinforcement learning from verified answers.") { recipe, resume, set, data, output, plain, schema, json };
        command.Validators.Add(result =>
        {
            if (result.GetResult(recipe) is null or { Tokens.Count: 0 } && result.GetResult(schema) is null) result.AddError("Required argument missing for command: 'train'.");
        });
        command.SetAction((parsed, cancellation) =>
        {
            if (parsed.GetValue(schema))
            {
                Console.Out.Write(RecipeSchema.Of<TrainingRecipe>());
                return Task.FromResult(CommandLine.Ok);
            }

            string path = parsed.GetRequiredValue(recipe)!;
            string[] settings = parsed.GetValue(set) ?? [];
            if (RecipeReader.Stage(path) is not null)
            {
                if (parsed.GetValue(data) is not null) throw new RecipeException($"{path}: it learns a task and reads no data, expected no --data.");
                GroupPolicyRecipe reinforcement = RecipeReader.Read<GroupPolicyRecipe>(path, settings);
                if (parsed.GetValue(output) is { } target) reinforcement = reinforcement with { Output = target };
                return Task.FromResult(Reinforce(reinforcement, parsed.GetValue(resume), parsed.GetValue(plain), parsed.GetValue(json), cancellation));
            }

            TrainingRecipe read = RecipeReader.Read<TrainingRecipe>(path, settings);
            if (parsed.GetValue(output) is { } folder) read = read with { Output = folder };
            if (parsed.GetValue(data) is { } source) read = read with { Data = read.Data with { Sources = [read.Data.Sources[0] with { Path = source }, .. read.Data.Sources.Skip(1)] } };
            return Task.FromResult(Run(read, parsed.GetValue(resume), parsed.GetValue(plain), parsed.GetValue(json), cancellation));
        });
        return command;
    }

    private static int Run(TrainingRecipe recipe, bool resume, bool plain, bool json, CancellationToken cancellation)
    {
        using ITrainingObserver view = TrainingView.Create(plain);
        using LanguageModelTraining training = LanguageModelTraining.Open(recipe, view, resume, cancellation);
        return Report(training.Run(cancellation), json);
    }

    private static int Reinforce(GroupPolicyRecipe recipe, bool resume, bool plain, bool json, CancellationToken cancellation)
    {
        using ITrainingObserver view = TrainingView.Create(plain);
        using GroupPolicyTraining training = GroupPolicyTraining.Open(recipe, view, resume);
        return Report(training.Run(cancellation), json);
    }

    private static int Report(TrainingEnd end, bool json)
    {
        if (json) JsonOutput.Write(new { Outcome = end.Outcome.ToString(), end.Steps, end.Tokens, Seconds = end.Elapsed.TotalSeconds, end.Folder });
        return end.Outcome == TrainingOutcome.Completed ? CommandLine.Ok : CommandLine.Failed;
    }
}
