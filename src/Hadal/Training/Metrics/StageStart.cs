namespace Hadal.Training;

/// <summary>What is known of a stage of a line before it begins.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Number">Its place in the line, from 1.</param>
/// <param name="Count">Stages of the line.</param>
/// <param name="Resumes">Whether it was begun before and goes on.</param>
public sealed record StageStart(string Name, int Number, int Count, bool Resumes);
