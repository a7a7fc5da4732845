using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Preferences;
using Hadal.Reinforcement.Rollouts;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>
/// Direct preference optimisation (Rafailov et al. 2023, 2305.18290) and its variants: the policy learns from pairs of answers which to
/// make likelier than the model that it began as does, without a reward model and without sampling. Everything that later steps depend
/// on is saved, so a resumed run computes the bits that an uninterrupted one would.
/// </summary>
public sealed class DirectPreferenceTraining : IDisposable
{
    private readonly PreferenceRun _run;
    private readonly DirectPreferenceOptions _options;
    private readonly Transformer _reference;
    private readonly Graph _scoring;
    private readonly Dictionary<EncodedPair, (float Chosen, float Rejected)> _referenceScores = new(ReferenceEqualityComparer.Instance);

    private DirectPreferenceTraining(DirectPreferenceRecipe recipe, PreferenceRun run)
    {
        (_run, _options) = (run, recipe.Preference);
        try
        {
            _reference = ModelReader.Read(recipe.Model, run.Stage.MatrixType);
            _scoring = new Graph(run.Stage.Workers, recording: false) { Precision = recipe.Precision };
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Prepares a run: makes its folder, reads the pairs, and loads policy and reference.</summary>
    /// <param name="recipe">What to do.</param>
    /// <param name="observer">Watches; stays the caller's.</param>
    /// <param name="resume">Whether to go on from the last saved state of the output folder; without one the run begins.</param>
    /// <exception cref="RecipeException">The recipe contradicts itself, or is not that of the run to resume.</exception>
    /// <exception cref="Data.DataException">The pairs can't be read or used.</exception>
    /// <exception cref="CheckpointException">The model or the folder can't be used, or the folder holds a run and <paramref name="resume"/> is false.</exception>
    /// <exception cref="InsufficientMemoryException">The machine has too little memory for it.</exception>
    public static DirectPreferenceTraining Open(DirectPreferenceRecipe recipe, ITrainingObserver observer, bool resume = false)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(observer);
        PreferenceRecipeChecks.Check(recipe);
        PreferenceRun run = PreferenceRun.Open(recipe, observer, resume);
        return StageRun.Checked(new DirectPreferenceTraining(recipe, run), training => run.RequireMemoryForActivations(training.Judge));
    }

    /// <summary>Trains until the last step, or until it is cancelled, which saves the state first.</summary>
    /// <exception cref="TrainingDivergedException">A loss or a gradient is no number.</exception>
    /// <exception cref="CheckpointException">The disk refused.</exception>
    public TrainingEnd Run(CancellationToken cancellation = default) => _run.Run(Judge, cancellation);

    /// <summary>Frees all memory and unlocks the folder.</summary>
    public void Dispose()
    {
        // Missing if making the training failed half way.
        _scoring?.Dispose();
        _reference?.Dispose();
        _run.Dispose();
    }

    private JudgedPairs Judge(Graph g, EncodedPair[] pairs)
    {
        // log π of both answers of each pair, under the policy and under the reference that doesn't move.
        int[] lengths = [.. pairs.Select(pair => pair.Chosen.Length), .. pairs.Select(pair => pair.Rejected.Length)];
        Tensor tokens = LogProbabilities(g, _run.Stage.Model, pairs);                       // [tokens of chosen, then of rejected answers, 1]
        float[] scores = Scores(tokens, lengths), chosen = scores[..pairs.Length], rejected = scores[pairs.Length..];
        (float[] referenceChosen, float[] referenceRejected) = Reference(pairs);

        // The loss of the margins, and its gradient for every token.
        LossAndGradient loss = Loss(PreferenceLosses.Margins(chosen, rejected, referenceChosen, referenceRejected));
        float[] gradient = SequenceScores.TokenGradients(loss.Gradient.Span, lengths, IsMean);
        return new JudgedPairs(tokens, new LossAndGradient(loss.Value, gradient), Rewards(chosen, referenceChosen), Rewards(rejected, referenceRejected))
        {
            ChosenLogProbabilities = chosen,
            RejectedLogProbabilities = rejected,
        };
    }

    private LossAndGradient Loss(float[] margins) => _options.Loss switch
    {
        PreferenceLoss.Ipo => PreferenceLosses.Ipo(margins, _options.Beta),
        PreferenceLoss.Hinge => PreferenceLosses.Hinge(margins, _options.Beta),
        PreferenceLoss.Robust => PreferenceLosses.Robust(margins, _options.FlippedShare, _options.Beta),
        _ => PreferenceLosses.Dpo(margins, _options.Beta),
    };

    // IPO compares means over tokens, the others sums.
    private bool IsMean => _options.Loss == PreferenceLoss.Ipo;

    private float[] Scores(Tensor tokens, int[] lengths) => IsMean ? SequenceScores.Means(tokens.Span, lengths) : SequenceScores.Sums(tokens.Span, lengths);

    // The implicit reward, β (log π - log reference): section 4 of the paper.
    private float[] Rewards(float[] policy, float[] reference) => [.. policy.Zip(reference, (p, r) => (float)(_options.Beta * ((double)p - r)))];

    // The reference doesn't move, so a pair is scored once, when it is first seen; its score doesn't depend on what it is scored with.
    private (float[] Chosen, float[] Rejected) Reference(EncodedPair[] pairs)
    {
        EncodedPair[] unseen = [.. pairs.Where(pair => !_referenceScores.ContainsKey(pair)).Distinct()];
        if (unseen.Length > 0)
        {
            int[] lengths = [.. unseen.Select(pair => pair.Chosen.Length), .. unseen.Select(pair => pair.Rejected.Length)];
            float[] scores = Scores(LogProbabilities(_scoring, _reference, unseen), lengths);
            for (int i = 0; i < unseen.Length; i++) _referenceScores[unseen[i]] = (scores[i], scores[unseen.Length + i]);
            _scoring.Reset();
        }

        return ([.. pairs.Select(pair => _referenceScores[pair].Chosen)], [.. pairs.Select(pair => _referenceScores[pair].Rejected)]);
    }

    private static Tensor LogProbabilities(Graph g, Transformer model, EncodedPair[] pairs)
    {
        Continuations texts = Continuations.Of([.. pairs.Select(pair => (pair.Prompt, pair.Chosen)), .. pairs.Select(pair => (pair.Prompt, pair.Rejected))]);
        Tensor logits = model.Logits(g, g.Rows(model.Forward(g, texts.Batch), texts.Rows));  // [answer tokens, vocabulary]
        return g.LogProbabilities(logits, texts.Targets);                                    // [answer tokens, 1]
    }
}
