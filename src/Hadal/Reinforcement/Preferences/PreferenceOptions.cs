namespace Hadal.Reinforcement.Preferences;

/// <summary>The pairs that a recipe trains on.</summary>
public sealed record PreferenceOptions
{
    /// <summary>A file of pairs; see <see cref="PreferenceFile"/>.</summary>
    public required string Path { get; init; }

    /// <summary>A file of pairs to measure on; without one a share of the prompts of <see cref="Path"/> is held out.</summary>
    public string? HeldOutPath { get; init; }

    /// <summary>The share of prompts held out, all pairs of a prompt together; none where there is a file for it.</summary>
    public double HeldOutFraction { get; init; } = 0.1;

    /// <summary>Most tokens of a prompt with an answer; pairs with more are left out. By default, and at most, the model's context.</summary>
    public int? MaxTokens { get; init; }
}
