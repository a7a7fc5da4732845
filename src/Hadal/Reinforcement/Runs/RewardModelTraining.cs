using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Preferences;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>
/// Trains a reward model on pairs: -log σ(r(chosen) - r(rejected)) (Bradley and Terry 1952; 2203.02155, equation 1), r read at the last
/// token. The head begins at zero, so every answer's first score is 0 and the first loss ln 2. The finished folder is opened by <see
/// cref="RewardModel.Load"/>.
/// </summary>
public sealed class RewardModelTraining : IDisposable
{
    private readonly PreferenceRun _run;

    private RewardModelTraining(PreferenceRun run) => _run = run;

    /// <summary>Prepares a run: makes its folder, reads the pairs, and loads the model to begin with.</summary>
    /// <param name="recipe">What to do.</param>
    /// <param name="observer">Watches; stays the caller's.</param>
    /// <param name="resume">Whether to go on from the last saved state of the output folder; without one the run begins.</param>
    /// <exception cref="RecipeException">The recipe contradicts itself, or is not that of the run to resume.</exception>
    /// <exception cref="Data.DataException">The pairs can't be read or used.</exception>
    /// <exception cref="CheckpointException">The model or the folder can't be used, or the folder holds a run and <paramref name="resume"/> is false.</exception>
    /// <exception cref="InsufficientMemoryException">The machine has too little memory for it.</exception>
    public static RewardModelTraining Open(RewardModelRecipe recipe, ITrainingObserver observer, bool resume = false)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(observer);
        PreferenceRecipeChecks.Check(recipe);
        PreferenceRun run = PreferenceRun.Open(recipe, observer, resume, new StageModel(RewardModel.LoadToTrain, _ => []));
        return StageRun.Checked(new RewardModelTraining(run), training => run.RequireMemoryForActivations(training.Judge));
    }

    /// <summary>Trains until the last step, or until it is cancelled, which saves the state first.</summary>
    /// <exception cref="TrainingDivergedException">A loss or a gradient is no number.</exception>
    /// <exception cref="CheckpointException">The disk refused.</exception>
    public TrainingEnd Run(CancellationToken cancellation = default) => _run.Run(Judge, cancellation);

    /// <summary>Frees all memory and unlocks the folder.</summary>
    public void Dispose() => _run.Dispose();

    private JudgedPairs Judge(Graph g, EncodedPair[] pairs)
    {
        int[][] texts = [.. pairs.Select(pair => (int[])[.. pair.Prompt, .. pair.Chosen]), .. pairs.Select(pair => (int[])[.. pair.Prompt, .. pair.Rejected])];
        Tensor scores = RewardModel.Scores(g, _run.Stage.Model, texts);                      // [chosen, then rejected, 1]
        float[] all = scores.Span.ToArray(), chosen = all[..pairs.Length], rejected = all[pairs.Length..];
        LossAndGradient loss = PreferenceLosses.BradleyTerry([.. chosen.Zip(rejected, (c, r) => c - r)]);
        float[] gradient = [.. loss.Gradient.Span, .. loss.Gradient.ToArray().Select(slope => -slope)];
        return new JudgedPairs(scores, new LossAndGradient(loss.Value, gradient), chosen, rejected);
    }
}
