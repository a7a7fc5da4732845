using System.Diagnostics;
using Hadal.Autograd;
using Hadal.Data.Packing;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Rollouts;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>
/// Proximal policy optimisation of a language model (Schulman et al. 2017, 1707.06347; with a reward model it is the RLHF of Ouyang et al.
/// 2022, 2203.02155). One step is (1) let the policy respond, (2) look at the responses with policy, value head and reference, (3) make
/// advantages of rewards, (4) pass over the responses several times, with updates that are held near the policy that drew them. The value
/// head sits on the policy's own layers and begins at zero; it is saved with the states, not with the finished model. Everything that
/// later steps depend on is saved, so a resumed run computes the bits that an uninterrupted one would.
/// </summary>
public sealed class ProximalPolicyTraining : IDisposable
{
    private const ulong OrderKey = 3;
    private readonly PreparedProximalRun _run;
    private readonly StageRun _stage;
    private readonly ProximalPolicyRecipe _recipe;
    private readonly Parameter _head;
    private readonly Graph _graph;
    private readonly Graph _scoring;

    private ProximalPolicyTraining(PreparedProximalRun run)
    {
        (_run, _stage, _recipe, _head) = (run, run.Stage, run.Recipe, run.Stage.Heads[0]);
        _graph = new Graph(_stage.Workers, recording: true) { Precision = _recipe.Precision };
        _scoring = new Graph(_stage.Workers, recording: false) { Precision = _recipe.Precision };
    }

    /// <summary>Prepares a run: makes its folder, and loads policy, reference and, if there is one, reward model.</summary>
    /// <param name="recipe">What to do.</param>
    /// <param name="observer">Watches; stays the caller's.</param>
    /// <param name="resume">Whether to go on from the last saved state of the output folder; without one the run begins.</param>
    /// <exception cref="RecipeException">The recipe contradicts itself, or is not that of the run to resume.</exception>
    /// <exception cref="Data.DataException">The prompts can't be read or used.</exception>
    /// <exception cref="Checkpoints.CheckpointException">A model or the folder can't be used, or the folder holds a run and <paramref name="resume"/> is false.</exception>
    /// <exception cref="InsufficientMemoryException">The machine has too little memory for it.</exception>
    public static ProximalPolicyTraining Open(ProximalPolicyRecipe recipe, ITrainingObserver observer, bool resume = false)
    {
        ArgumentNullException.ThrowIfNull(observer);
        return StageRun.Checked(new ProximalPolicyTraining(PreparedProximalRun.Open(recipe, observer, resume)), training => training.RequireMemoryForActivations());
    }

    /// <summary>Trains until the last step, or until it is cancelled, which saves the state first.</summary>
    /// <exception cref="TrainingDivergedException">A loss or a gradient is no number.</exception>
    /// <exception cref="Checkpoints.CheckpointException">The disk refused.</exception>
    public TrainingEnd Run(CancellationToken cancellation = default) =>
        _stage.Run(_recipe.Steps, _recipe.Evaluation.Every, TakeStep, _run.Environment.HeldOut == 0 ? null : Evaluate, _stage.WriteModel, cancellation);

    /// <summary>Frees all memory and unlocks the folder.</summary>
    public void Dispose()
    {
        _graph.Dispose();
        _scoring.Dispose();
        _run.Dispose();
    }

    private PolicyStepMetrics TakeStep(CancellationToken cancellation)
    {
        // 1. Responses, and what they earn as a whole.
        long start = Stopwatch.GetTimestamp();
        Rollout[] responses = [.. _run.Environment.Respond(_stage.Step, _recipe.Rollouts, cancellation)];
        double rolloutSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        // 2. and 3. What each token was worth, by the policy before this step's updates.
        Experience experience = Look(responses);

        // 4. The updates.
        double rate = _stage.Rates.At(_stage.Step, _recipe.Steps);
        PolicyUpdate update = new() { Divergence = experience.Divergence };
        for (int pass = 0; pass < _recipe.Policy.Updates; pass++)
        {
            foreach (int[] minibatch in Minibatches(responses.Length, pass)) Update(experience, minibatch, rate, update);
        }

        _stage.Tokens += experience.Values.Length;
        PolicyStepTimes times = new(rolloutSeconds, Stopwatch.GetElapsedTime(start).TotalSeconds - rolloutSeconds);
        return PolicyMetrics.Step(_stage, _recipe.Steps, responses, groupSize: 1, update, rate, times, _run.Environment.Transcript) with
        {
            ValueLoss = update.ValueLoss,
            ExplainedVariance = experience.ExplainedVariance,
        };
    }

    private Experience Look(Rollout[] responses)
    {
        List<float> logProbabilities = [], values = [], reference = [];
        foreach (Rollout[] part in responses.Chunk(_recipe.Policy.MicroResponses))
        {
            PolicyScores scores = PolicyScores.Of(_scoring, _stage.Model, part, _recipe.Rollouts.Temperature);
            logProbabilities.AddRange(scores.LogProbabilities.Span);
            values.AddRange(ValueHead.Values(_scoring, scores.States, _head).Span);
            _scoring.Reset();
            if (_run.Reference is not { } model) continue;
            reference.AddRange(PolicyScores.Of(_scoring, model, part, _recipe.Rollouts.Temperature).LogProbabilities.Span);
            _scoring.Reset();
        }

        float[] old = [.. logProbabilities];
        return Experience.Of(responses, old, _run.Reference is null ? old : [.. reference], [.. values], _recipe.Policy);
    }

    // The responses in an order that step and pass decide, cut into parts.
    private IEnumerable<int[]> Minibatches(int responses, int pass)
    {
        int parts = _recipe.Policy.Minibatches;
        Permutation order = new(responses, Mix.Of((ulong)_recipe.Seed, OrderKey, (ulong)_stage.Step, (ulong)pass));
        int[] shuffled = [.. Enumerable.Range(0, responses).Select(i => (int)order[i])];
        return shuffled.Chunk((responses + parts - 1) / parts);
    }

    private void Update(Experience experience, int[] minibatch, double rate, PolicyUpdate update)
    {
        ProximalPolicyOptions options = _recipe.Policy;
        int tokens = minibatch.Sum(i => experience.Responses[i].Response.Length);
        foreach (int[] part in minibatch.Chunk(options.MicroResponses))
        {
            PolicyScores scores = PolicyScores.Of(_graph, _stage.Model, [.. part.Select(i => experience.Responses[i])], _recipe.Rollouts.Temperature);
            Tensor values = ValueHead.Values(_graph, scores.States, _head);                          // [response tokens, 1]
            PolicyLoss policy = PpoLosses.Policy(
                scores.LogProbabilities.Span, experience.At(experience.LogProbabilities, part), experience.At(experience.Advantages, part), options.Clip);
            LossAndGradient value = PpoLosses.Value(values.Span, experience.At(experience.Values, part), experience.At(experience.Returns, part), options.ValueClip);

            // Both are means over tokens: a micro-batch has its share of them.
            int length = (int)scores.LogProbabilities.Shape.Count;
            double share = (double)length / tokens;
            (policy, value) = (policy.Times(share), value.Times(share));
            update.Add(policy, length, scores.Entropies.Span);
            update.AddValueLoss(value.Value);
            _stage.Backward(_graph, _graph.AddScaled(policy.OnGraph(_graph, scores.LogProbabilities), value.OnGraph(_graph, values), (float)options.ValueWeight));
        }

        update.GradientNorm = _stage.Update(rate);
    }

    private void RequireMemoryForActivations()
    {
        RolloutOptions rollouts = _recipe.Rollouts;
        if (Rollout.Longest(_run.Environment.SomePrompt, rollouts.MaxTokens, _stage.Model.Config.MaxPositionEmbeddings) is not { } longest) return; // the sampler says so
        long minibatch = ((long)rollouts.Problems * rollouts.GroupSize + _recipe.Policy.Minibatches - 1) / _recipe.Policy.Minibatches;
        _stage.RequireMemoryForActivations(_graph, Loss, (int)Math.Min(_recipe.Policy.MicroResponses, minibatch), "set policy.microResponses or rollouts.maxTokens lower");

        Tensor Loss()
        {
            PolicyScores scores = PolicyScores.Of(_graph, _stage.Model, [longest], rollouts.Temperature);
            float[] none = new float[longest.Response.Length];
            return _graph.AddScaled(_graph.WeightedSum(scores.LogProbabilities, none), _graph.WeightedSum(ValueHead.Values(_graph, scores.States, _head), none), 1);
        }
    }

    private PolicyEvaluationMetrics Evaluate(CancellationToken cancellation) =>
        PolicyMetrics.Evaluation(_stage.Step, _run.Environment.Measure(_recipe.Rollouts.MaxTokens, cancellation));
}
