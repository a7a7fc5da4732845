using System.Text;
using System.Text.Json.Nodes;
using Hadal.Checkpoints;
using Hadal.Training;

namespace Hadal.Reinforcement.Line;

/// <summary>A stage that was begun, as <c>line.json</c> has it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Definition">What decided what it made.</param>
/// <param name="Seconds">Time that it took so far; what a killed process spent is not in it.</param>
/// <param name="Tokens">Tokens trained on or sampled.</param>
/// <param name="Output">What it made, from the line's folder on; null while it is not finished.</param>
public sealed record StageRecord(string Name, JsonObject Definition, double Seconds = 0, long Tokens = 0, string? Output = null);

/// <summary>How far a line is: <c>line.json</c>, replaced as a whole whenever a stage begins or ends.</summary>
/// <param name="Stages">All stages that were begun, in their order; only the last may be unfinished.</param>
internal sealed record LineState(IReadOnlyList<StageRecord> Stages)
{
    private const string Name = "line.json";

    /// <summary>The file.</summary>
    public static string PathIn(string folder) => Path.Combine(folder, Name);

    /// <summary>Reads the state of a folder; without one no stage was begun.</summary>
    /// <exception cref="RecipeException">The file is no such state.</exception>
    public static LineState Read(string folder) => File.Exists(PathIn(folder)) ? RecipeReader.Read<LineState>(PathIn(folder)) : new LineState([]);

    /// <summary>Writes the state.</summary>
    /// <exception cref="CheckpointException">The disk refused; the old state is untouched.</exception>
    public void Write(string folder) => AtomicFile.Write(PathIn(folder), Encoding.UTF8.GetBytes(RecipeReader.ToJson(this) + "\n"));

    /// <summary>The same with the stage at a place replaced or added.</summary>
    public LineState With(int index, StageRecord stage) => new([.. Stages.Take(index), stage]);

    /// <summary>Fails unless what was begun can be gone on with by these stages.</summary>
    /// <exception cref="RecipeException">A stage was another; the message names it and what differs.</exception>
    public void RequireSame(string folder, IReadOnlyList<LineStage> stages)
    {
        string path = PathIn(folder);
        for (int i = 0; i < Stages.Count; i++)
        {
            StageRecord begun = Stages[i];
            if (i >= stages.Count || stages[i].Name != begun.Name)
            {
                throw new RecipeException(
                    $"{path}: stage {i + 1} was '{begun.Name}', found {(i < stages.Count ? $"'{stages[i].Name}'" : "no such stage")} in the recipe, expected the same to go on with the line.");
            }

            // A recipe that was begun and not finished knows itself what of it is still free.
            LineStage stage = stages[i];
            if (begun.Output is null && stage.Kind is not null) continue;
            string? difference = stage.Kind is null
                ? SavedRecipe.Difference(begun.Definition, stage.Definition)
                : SavedRecipe.RecipeDifference(stage.Reread(begun.Definition, path), stage.Definition);
            if (difference is not null)
            {
                throw new RecipeException(
                    $"{path}: the stage '{begun.Name}' was {(begun.Output is null ? "begun" : "made")} with {difference}, expected the same to go on with the line; another output begins a new one.");
            }
        }
    }
}
