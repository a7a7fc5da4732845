using System.CommandLine;
using System.Text.Json;
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
        Command command = new("train", "Run a recipe: pretraining, fine-tuning on conversations, reinforcement learning, or a line of such stages.") { recipe, resume, set, data, output, plain, schema, json };
        command.Validators.Add(result =>
        {
            if (result.GetResult(recipe) is null or { Tokens.Count: 0 } && result.GetResult(schema) is null) result.AddError("Required argument missing for command: 'train'.");
        });
        command.SetAction((parsed, cancellation) =>
        {
            if (parsed.GetValue(schema))
            {
                Console.Out.Write(RecipeKind.Schema());
                return Task.FromResult(CommandLine.Ok);
            }

            string path = parsed.GetRequiredValue(recipe)!;
            RecipeKind kind = RecipeKind.OfFile(path);
            List<string> settings = [.. parsed.GetValue(set) ?? []];
            if (parsed.GetValue(output) is { } folder) settings.Add($"output={JsonSerializer.Serialize(folder)}");
            if (parsed.GetValue(data) is { } source)
            {
                if (kind.Stage is not null) throw new RecipeException($"{path}: a recipe with the stage '{kind.Stage}' has no data.sources, expected no --data.");
                settings.Add($"data.sources.0.path={JsonSerializer.Serialize(source)}");
            }

            using ITrainingObserver view = TrainingView.Create(parsed.GetValue(plain));
            TrainingEnd end = kind.RunFile(path, settings, view, parsed.GetValue(resume), cancellation);
            if (parsed.GetValue(json)) JsonOutput.Write(new { Outcome = end.Outcome.ToString(), end.Steps, end.Tokens, Seconds = end.Elapsed.TotalSeconds, end.Folder });
            return Task.FromResult(end.Outcome == TrainingOutcome.Completed ? CommandLine.Ok : CommandLine.Failed);
        });
        return command;
    }
}
