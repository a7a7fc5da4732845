using System.Diagnostics;
using Hadal.Autograd;
using Hadal.Models;
using Hadal.Reinforcement.Diagnosis;
using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Rewards;
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
    private readonly GroupPolicyRecipe _recipe;
    private readonly ITrainingObserver _observer;
    private readonly GroupPolicyObjective _objective;
    private readonly Graph _graph;
    private readonly Graph _scoring;
    private readonly ExpertLoad _load;
    private readonly List<StepStatistics> _history = [];
    private MetricsLog? _log;
    private int _step;
    private int? _savedStep;
    private long _tokens;

    private GroupPolicyTraining(PreparedPolicyRun run, ITrainingObserver observer)
    {
        (_run, _recipe, _observer) = (run, run.Recipe, observer);
        _objective = new GroupPolicyObjective(_recipe.Policy, _recipe.Rollouts.GroupSize, _recipe.Rollouts.MaxTokens);
        _graph = new Graph(run.Workers, recording: true) { Precision = _recipe.Precision };
        _scoring = new Graph(run.Workers, recording: false) { Precision = _recipe.Precision };
        _load = new ExpertLoad(run.Model);
    }

    /// <summary>Prepares a run: makes its folder and loads the model.</summary>
    /// <param name="recipe">What to do.</param>
    /// <param name="observer">Watches; stays the caller's.</param>
    /// <param name="resume">Whether to go on from the last saved state of the output folder; without one the run begins.</param>
    /// <exception cref="RecipeException">The recipe contradicts itself, its model, or the run that it is to resume.</exception>
    /// <exception cref="Checkpoints.CheckpointException">The model or the folder can't be used, or the folder holds a run and <paramref name="resume"/> is false.</exception>
    public static GroupPolicyTraining Open(GroupPolicyRecipe recipe, ITrainingObserver observer, bool resume = false)
    {
        ArgumentNullException.ThrowIfNull(observer);
        GroupPolicyTraining training = new(PreparedPolicyRun.Open(recipe, observer, resume), observer);
        try
        {
            if (training._run.Restore() is { } state) (training._step, training._savedStep, training._tokens) = (state.Step, state.Step, state.Tokens);
            training._log = MetricsLog.OpenForResume(training._run.Folder.Metrics, training._step);
            return training;
        }
        catch
        {
            training.Dispose();
            throw;
        }
    }

    /// <summary>Trains until the last step, or until it is cancelled, which saves the state first.</summary>
    /// <exception cref="TrainingDivergedException">A loss or a gradient is no number.</exception>
    /// <exception cref="Checkpoints.CheckpointException">The disk refused.</exception>
    public TrainingEnd Run(CancellationToken cancellation = default)
    {
        Stopwatch elapsed = Stopwatch.StartNew();
        _observer.Started(_run.Start(_step));
        try
        {
            if (_step == 0) Evaluate(cancellation);
            while (_step < _recipe.Steps)
            {
                cancellation.ThrowIfCancellationRequested();
                Note(TakeStep(cancellation));
                bool isLast = _step == _recipe.Steps;
                if (isLast || IsDue(_recipe.Evaluation.Every)) Evaluate(cancellation);
                if (isLast || IsDue(_recipe.Checkpoints.Every)) Save();
            }
        }
        catch (OperationCanceledException)
        {
            // What was sampled for a step that was not made is sampled again, the same.
            return End(TrainingOutcome.Stopped, elapsed.Elapsed);
        }

        _run.WriteModel();
        return End(TrainingOutcome.Completed, elapsed.Elapsed);
    }

    /// <summary>Frees all memory and unlocks the folder.</summary>
    public void Dispose()
    {
        _graph.Dispose();
        _scoring.Dispose();
        _log?.Dispose();
        _run.Dispose();
    }

    private PolicyStepMetrics TakeStep(CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        RolloutOptions sampling = _recipe.Rollouts;

        // 1. Problems that no other step has.
        Problem[] problems =
        [
            .. Enumerable.Range(0, sampling.Problems).Select(i => _run.Task.Generate(ProblemSplit.Training, (ulong)_recipe.Seed, _step * sampling.Problems + i)),
        ];

        // 2. and 3. A group of responses to each, and what they earn.
        IReadOnlyList<Rollout> rollouts = _run.Sampler.Sample(
            _run.Task, _run.Rewards, problems, sampling.GroupSize, sampling.MaxTokens, sampling.Temperature, SampleSeed(_step), cancellation: cancellation);
        double rolloutSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        long rolloutTokens = rollouts.Sum(rollout => (long)rollout.Response.Length);

        // 4. Each beside its group.
        float[] rewards = [.. rollouts.Select(rollout => (float)rollout.Reward.Total)];
        float[] advantages = _objective.Advantages(rewards);

        // 5. As many updates as the recipe has.
        double rate = _run.Rates.At(_step, _recipe.Steps);
        PolicyUpdate update = Update(rollouts, advantages, rewards, rate);

        _step++;
        _tokens += rolloutTokens;
        return Metrics(rollouts, update, rate, rolloutSeconds, Stopwatch.GetElapsedTime(start).TotalSeconds - rolloutSeconds, rolloutTokens);
    }

    private PolicyUpdate Update(IReadOnlyList<Rollout> rollouts, float[] advantages, float[] rewards, double rate)
    {
        int[] kept = Kept(rewards);
        PolicyUpdate update = new();
        if (kept.Length == 0) return update;
        Rollout[] responses = [.. kept.Select(i => rollouts[i])];
        int[] lengths = [.. responses.Select(response => response.Response.Length)];
        float[] keptAdvantages = [.. kept.Select(i => advantages[i])];

        // With one update the policy that samples is the one that is trained, to the bit, and its log-probabilities are read off on the way.
        bool perToken = _recipe.Policy.Algorithm == PolicyAlgorithm.ReinforcePlusPlus;
        float[]? old = _recipe.Policy.Updates > 1 || perToken ? Scores(_run.Model, responses) : null;
        float[]? reference = _run.Reference is { } model ? Scores(model, responses) : null;
        float[]? tokenAdvantages = perToken ? GroupAdvantages.ReinforcePlusPlus([.. kept.Select(i => rewards[i])], lengths, old, reference ?? old, _recipe.Policy.KlWeight) : null;
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
                    _graph, _run.Model, responses[first..(first + count)], _recipe.Rollouts.Temperature, new ExpertBalance(BalanceWeights.None, tokens, _load));
                float[] current = scores.LogProbabilities.Span.ToArray();
                PolicyLoss loss;
                if (tokenAdvantages is not null)
                {
                    loss = PpoLosses.Policy(current, old.AsSpan(range), tokenAdvantages.AsSpan(range), _recipe.Policy.ClipLow ?? 0.2).Times((double)length / tokens);
                }
                else
                {
                    PolicyBatch batch = new(
                        current, old?.AsMemory(range) ?? current, keptAdvantages.AsMemory(first, count), lengths.AsMemory(first, count), reference?.AsMemory(range) ?? default);
                    loss = _objective.Part(batch, responses.Length, tokens);
                }

                update.Add(loss, length, scores.Entropies.Span);
                if (!double.IsFinite(loss.Value)) throw Diverged($"the loss is {loss.Value}");
                _graph.Backward(loss.OnGraph(_graph, scores.LogProbabilities));
                _graph.Reset();
                at += length;
            }

            update.GradientNorm = GradientNorm.Of(_run.Workers, _run.Optimizer.Parameters);
            if (!double.IsFinite(update.GradientNorm)) throw Diverged("a gradient is not finite");
            _run.Optimizer.Step(_run.Workers, rate, GradientNorm.ClipScale(update.GradientNorm, _recipe.Optimizer.MaxGradientNorm), clearGradients: true);
            if (_recipe.Policy.BalancingSpeed > 0) AuxiliaryLossFreeBalancing.UpdateBiases(_load, _recipe.Policy.BalancingSpeed);
        }

        return update;
    }

    // Indices of the responses that are trained on.
    private int[] Kept(float[] rewards)
    {
        int size = _recipe.Rollouts.GroupSize;
        bool drops = _recipe.Policy.DropGroupsWithoutSignal || _recipe.Policy.Algorithm == PolicyAlgorithm.Dapo;
        return drops
            ? [.. GroupAdvantages.GroupsWithSignal(rewards, size).SelectMany(group => Enumerable.Range(group * size, size))]
            : [.. Enumerable.Range(0, rewards.Length)];
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

    private PolicyStepMetrics Metrics(
        IReadOnlyList<Rollout> rollouts, PolicyUpdate update, double rate, double rolloutSeconds, double updateSeconds, long rolloutTokens)
    {
        Reward[] rewards = [.. rollouts.Select(rollout => rollout.Reward)];
        StepStatistics sampled = StepStatistics.Of(
            rewards, _recipe.Rollouts.GroupSize, [.. rollouts.Select(r => r.Response.Length)], [.. rollouts.Select(r => r.Truncated)], [], update.Loss);
        StepStatistics statistics = sampled with { Entropy = update.Entropy };
        _history.Add(statistics);
        return new PolicyStepMetrics
        {
            Step = _step,
            TotalSteps = _recipe.Steps,
            Reward = statistics.Reward,
            Accuracy = statistics.Accuracy,
            Format = statistics.Format,
            LengthReward = rewards.Average(reward => reward.Length),
            LanguageReward = rewards.Average(reward => reward.Language),
            GroupsWithSignal = statistics.GroupsWithSignal,
            ResponseTokens = statistics.Length,
            Truncated = statistics.Truncated,
            Entropy = statistics.Entropy,
            Divergence = statistics.Divergence,
            Clipped = statistics.Clipped,
            Loss = update.Loss.Value,
            GradientNorm = update.GradientNorm,
            LearningRate = rate,
            RolloutSeconds = rolloutSeconds,
            UpdateSeconds = updateSeconds,
            RolloutTokensPerSecond = rolloutTokens / rolloutSeconds,
            Best = _run.Transcript(rollouts[statistics.Best]),
            Worst = _run.Transcript(rollouts[statistics.Worst]),
            Diagnosis = LearningDiagnosis.Of(_history).Sentence,
        };
    }

    private void Evaluate(CancellationToken cancellation)
    {
        if (_recipe.Evaluation.Problems == 0) return;
        IReadOnlyList<Rollout> answers = _run.Sampler.Sample(
            _run.Task, _run.Rewards, _run.HeldOut, groupSize: 1, _recipe.Rollouts.MaxTokens, temperature: 0, seed: 0, cancellation: cancellation);
        PolicyEvaluationMetrics measured = new()
        {
            Step = _step,
            Problems = answers.Count,
            Accuracy = answers.Average(answer => answer.Reward.Accuracy),
            ResponseTokens = answers.Average(answer => answer.Response.Length),
        };
        _log!.Append(measured);
        _observer.Evaluated(measured);
    }

    private void Note(PolicyStepMetrics metrics)
    {
        _log!.Append(metrics);
        _observer.Stepped(metrics);
    }

    private void Save()
    {
        if (_savedStep == _step) return;
        long start = Stopwatch.GetTimestamp();
        string folder = _run.Save(_step, _tokens);
        _savedStep = _step;
        _observer.Saved(_step, folder, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    private TrainingEnd End(TrainingOutcome outcome, TimeSpan elapsed)
    {
        if (outcome != TrainingOutcome.Completed) Save();
        TrainingEnd end = new()
        {
            Outcome = outcome,
            Steps = _step,
            Tokens = _tokens,
            Elapsed = elapsed,
            Folder = outcome == TrainingOutcome.Completed ? _run.Folder.Model : _run.Store.Folder(_step),
        };
        _observer.Finished(end);
        return end;
    }

    private bool IsDue(int every) => every > 0 && _step % every == 0;

    private long SampleSeed(int step) => ((long)_recipe.Seed << 32) + step;

    private TrainingDivergedException Diverged(string problem) => new($"{_recipe.Output}: training diverged at step {_step + 1}, since {problem}; a lower learningRate.peak is the usual cure.");
}
