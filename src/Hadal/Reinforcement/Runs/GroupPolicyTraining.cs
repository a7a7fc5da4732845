using System.Diagnostics;
using Hadal.Autograd;
using Hadal.Models;
using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>
/// Reinforcement learning from verified answers: GRPO (DeepSeekMath, 2402.03300, algorithm 1) and its variants, R1-Zero's whole training
/// (2501.12948, section 2.2). One step is (1) draw problems, (2) let the policy answer each several times, (3) score the answers by rule,
/// (4) compare each with its group, (5) update. Everything that later steps depend on is saved, so a resumed run computes the bits that
/// an uninterrupted one would.
/// </summary>
public sealed class GroupPolicyTraining : IDisposable
{
    private readonly PreparedPolicyRun _run;
    private readonly StageRun _stage;
    private readonly GroupPolicyRecipe _recipe;
    private readonly GroupPolicyObjective _objective;
    private readonly GroupSampling _groups;
    private readonly Graph _graph;
    private readonly Graph _scoring;
    private readonly ExpertLoad _load;

    private GroupPolicyTraining(PreparedPolicyRun run)
    {
        (_run, _stage, _recipe) = (run, run.Stage, run.Recipe);
        _objective = new GroupPolicyObjective(_recipe.Policy, _recipe.Rollouts.GroupSize, _recipe.Rollouts.MaxTokens);
        _groups = new GroupSampling(run.Task, run.Rewards, run.Sampler, _recipe.Rollouts, _recipe.Seed)
        {
            DropsGroups = _recipe.Policy.DropsGroups,
            MostRounds = _recipe.Policy.MostRounds,
        };
        _graph = new Graph(_stage.Workers, recording: true) { Precision = _recipe.Precision };
        _scoring = new Graph(_stage.Workers, recording: false) { Precision = _recipe.Precision };
        _load = new ExpertLoad(_stage.Model);
    }

    /// <summary>Prepares a run: makes its folder and loads the model.</summary>
    /// <param name="recipe">What to do.</param>
    /// <param name="observer">Watches; stays the caller's.</param>
    /// <param name="resume">Whether to go on from the last saved state of the output folder; without one the run begins.</param>
    /// <exception cref="RecipeException">The recipe contradicts itself, its model, or the run that it is to resume.</exception>
    /// <exception cref="Checkpoints.CheckpointException">The model or the folder can't be used, or the folder holds a run and <paramref name="resume"/> is false.</exception>
    /// <exception cref="InsufficientMemoryException">The machine has too little memory for it.</exception>
    public static GroupPolicyTraining Open(GroupPolicyRecipe recipe, ITrainingObserver observer, bool resume = false)
    {
        ArgumentNullException.ThrowIfNull(observer);
        return StageRun.Checked(new GroupPolicyTraining(PreparedPolicyRun.Open(recipe, observer, resume)), training => training.RequireMemoryForActivations());
    }

    /// <summary>Trains until the last step, or until it is cancelled, which saves the state first.</summary>
    /// <exception cref="TrainingDivergedException">A loss or a gradient is no number.</exception>
    /// <exception cref="Checkpoints.CheckpointException">The disk refused.</exception>
    public TrainingEnd Run(CancellationToken cancellation = default) =>
        _stage.Run(_recipe.Steps, _recipe.Evaluation.Every, TakeStep, _run.HeldOut.Count == 0 ? null : Evaluate, _stage.WriteModel, cancellation);

    /// <summary>Frees all memory and unlocks the folder.</summary>
    public void Dispose()
    {
        _graph.Dispose();
        _scoring.Dispose();
        _run.Dispose();
    }

    private PolicyStepMetrics TakeStep(CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();

        // 1. to 3. Problems that no other step has, a group of responses to each, and what they earn.
        GroupRollouts sampled = _groups.Sample(_stage.Step, cancellation);
        double rolloutSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        // 4. Each beside its group.
        float[] rewards = [.. sampled.Trained.Select(rollout => (float)rollout.Reward.Total)];
        float[] advantages = rewards.Length == 0 ? [] : _objective.Advantages(rewards);

        // 5. As many updates as the recipe has.
        double rate = _stage.Rates.At(_stage.Step, _recipe.Steps);
        PolicyUpdate update = Update([.. sampled.Trained], advantages, rewards, rate);

        _stage.Tokens += sampled.All.Sum(rollout => (long)rollout.Response.Length);
        PolicyStepTimes times = new(rolloutSeconds, Stopwatch.GetElapsedTime(start).TotalSeconds - rolloutSeconds);
        return PolicyMetrics.Step(_stage, _recipe.Steps, sampled.All, _recipe.Rollouts.GroupSize, update, rate, times, _run.Transcript) with
        {
            SamplingRounds = sampled.Rounds,
            TrainedResponses = sampled.Trained.Count,
        };
    }

    private PolicyUpdate Update(Rollout[] responses, float[] advantages, float[] rewards, double rate)
    {
        PolicyUpdate update = new();
        if (responses.Length == 0) return update;
        int[] lengths = [.. responses.Select(response => response.Response.Length)];

        // With one update the policy that samples is the one that is trained, to the bit, and its log-probabilities are read off on the way.
        bool perToken = _recipe.Policy.Algorithm == PolicyAlgorithm.ReinforcePlusPlus;
        float[]? old = _recipe.Policy.Updates > 1 || perToken ? Scores(_stage.Model, responses) : null;
        float[]? reference = _run.Reference is { } model ? Scores(model, responses) : null;
        float[]? tokenAdvantages = perToken ? GroupAdvantages.ReinforcePlusPlus(rewards, lengths, old, reference ?? old, _recipe.Policy.KlWeight) : null;
        long tokens = lengths.Sum(length => (long)length);

        for (int pass = 0; pass < _recipe.Policy.Updates; pass++)
        {
            _load.Clear();
            int at = 0;
            for (int first = 0; first < responses.Length; first += _recipe.Policy.MicroResponses)
            {
                int count = Math.Min(_recipe.Policy.MicroResponses, responses.Length - first), length = lengths.AsSpan(first, count).ToArray().Sum();
                Range range = at..(at + length);
                PolicyScores scores = PolicyScores.Of(
                    _graph, _stage.Model, responses[first..(first + count)], _recipe.Rollouts.Temperature, new ExpertBalance(BalanceWeights.None, tokens, _load));
                float[] current = scores.LogProbabilities.Span.ToArray();
                PolicyLoss loss;
                if (tokenAdvantages is not null)
                {
                    loss = PpoLosses.Policy(current, old.AsSpan(range), tokenAdvantages.AsSpan(range), _recipe.Policy.ClipLow ?? 0.2).Times((double)length / tokens);
                }
                else
                {
                    PolicyBatch batch = new(
                        current, old?.AsMemory(range) ?? current, advantages.AsMemory(first, count), lengths.AsMemory(first, count), reference?.AsMemory(range) ?? default);
                    loss = _objective.Part(batch, responses.Length, tokens);
                }

                update.Add(loss, length, scores.Entropies.Span);
                _stage.Backward(_graph, loss.OnGraph(_graph, scores.LogProbabilities));
                at += length;
            }

            update.GradientNorm = _stage.Update(rate);
            if (_recipe.Policy.BalancingSpeed > 0) AuxiliaryLossFreeBalancing.UpdateBiases(_load, _recipe.Policy.BalancingSpeed);
        }

        return update;
    }

    private float[] Scores(Transformer model, Rollout[] responses)
    {
        List<float> scores = [];
        foreach (Rollout[] part in responses.Chunk(_recipe.Policy.MicroResponses))
        {
            scores.AddRange(PolicyScores.Of(_scoring, model, part, _recipe.Rollouts.Temperature).LogProbabilities.Span);
            _scoring.Reset();
        }

        return [.. scores];
    }

    private void RequireMemoryForActivations()
    {
        int[] prompt = _run.Prompts.Tokens(_run.Task.Generate(ProblemSplit.Training, (ulong)_recipe.Seed, 0).Prompt);
        RolloutOptions rollouts = _recipe.Rollouts;
        if (Rollout.Longest(prompt, rollouts.MaxTokens, _stage.Model.Config.MaxPositionEmbeddings) is not { } longest) return; // the sampler says so, of whichever problem is too long
        _stage.RequireMemoryForActivations(
            _graph, () => _graph.WeightedSum(PolicyScores.Of(_graph, _stage.Model, [longest], rollouts.Temperature).LogProbabilities, new float[longest.Response.Length]),
            Math.Min(_recipe.Policy.MicroResponses, rollouts.Problems * rollouts.GroupSize), "set policy.microResponses or rollouts.maxTokens lower");
    }

    private PolicyEvaluationMetrics Evaluate(CancellationToken cancellation) => PolicyMetrics.Evaluation(_stage.Step, _run.Sampler.Sample(
        _run.Task, _run.Rewards, _run.HeldOut, groupSize: 1, _recipe.Rollouts.MaxTokens, temperature: 0, seed: 0, cancellation: cancellation));
}
