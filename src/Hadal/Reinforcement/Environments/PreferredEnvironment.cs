using Hadal.Data;
using Hadal.Data.Packing;
using Hadal.Data.Tokens;
using Hadal.Reinforcement.Preferences;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;
using Hadal.Tokenization.Templates;

namespace Hadal.Reinforcement.Environments;

/// <summary>Prompts of a file, whose answers a reward model judges (RLHF: 2203.02155, section 3.5). Nothing in it is right or wrong.</summary>
internal sealed class PreferredEnvironment : IPolicyEnvironment
{
    private const ulong SplitKey = 1, OrderKey = 2;
    private readonly RewardModelOptions _options;
    private readonly RewardModel _judge;
    private readonly PromptWriter _prompts;
    private readonly RolloutSampler _sampler;
    private readonly int _seed;
    private readonly IReadOnlyList<ChatMessage>[] _training;
    private readonly IReadOnlyList<ChatMessage>[] _heldOut;

    /// <param name="options">The prompts, and what is taken off.</param>
    /// <param name="judge">The reward model, which this then owns.</param>
    /// <param name="prompts">How prompts are written.</param>
    /// <param name="sampler">Lets the policy respond.</param>
    /// <param name="seed">Decides which prompts are held out, and the order of the others.</param>
    /// <param name="measured">Most held-out prompts to measure on.</param>
    /// <exception cref="DataException">The prompts can't be read, or are too few.</exception>
    public PreferredEnvironment(RewardModelOptions options, RewardModel judge, PromptWriter prompts, RolloutSampler sampler, int seed, int measured)
    {
        (_options, _judge, _prompts, _sampler, _seed) = (options, judge, prompts, sampler, seed);
        IReadOnlyList<ChatMessage>[] all = [.. PreferenceFile.ReadPrompts(options.Prompts).DistinctBy(prompts.Text)];
        int heldOut = (int)HeldOutShare.Of(options.HeldOutFraction, all.Length);
        if (heldOut >= all.Length) throw new DataException(options.Prompts, $"it has {all.Length} different prompts, of which {heldOut} would be held out, expected some to train on");
        Permutation order = new(all.Length, Mix.Of((ulong)seed, SplitKey));
        _heldOut = [.. all.Where((_, i) => order[i] < heldOut).Take(measured)];
        _training = [.. all.Where((_, i) => order[i] >= heldOut)];
    }

    /// <summary>Tells these prompts from others.</summary>
    public ulong Fingerprint => _training.Select(_prompts.Text).Aggregate((ulong)_training.Length, (sum, text) => text.Aggregate(Mix.Of(sum, (ulong)text.Length), (s, c) => Mix.Of(s, c)));

    /// <inheritdoc/>
    public int HeldOut => _heldOut.Length;

    /// <inheritdoc/>
    public int[] SomePrompt => _training.Select(_prompts.Tokens).MaxBy(prompt => prompt.Length)!;

    /// <inheritdoc/>
    public IReadOnlyList<Rollout> Respond(int step, RolloutOptions options, CancellationToken cancellation)
    {
        EpochOrder order = new(_training.Length, Mix.Of((ulong)_seed, OrderKey));
        IReadOnlyList<ChatMessage>[] asked = [.. Enumerable.Range(0, options.Problems).Select(i => _training[order[(long)step * options.Problems + i]])];
        return Respond(asked, options.GroupSize, options.MaxTokens, options.Temperature, RolloutSampler.StepSeed(_seed, step), cancellation);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Rollout> Measure(int maxTokens, CancellationToken cancellation) => Respond(_heldOut, groupSize: 1, maxTokens, temperature: 0, seed: 0, cancellation);

    /// <inheritdoc/>
    public string Transcript(Rollout rollout) => rollout.Problem.Prompt + rollout.Text;

    /// <inheritdoc/>
    public void Dispose() => _judge.Dispose();

    private Rollout[] Respond(IReadOnlyList<ChatMessage>[] asked, int groupSize, int maxTokens, float temperature, long seed, CancellationToken cancellation)
    {
        int[][] tokens = [.. asked.Select(_prompts.Tokens)];
        IReadOnlyList<DrawnResponse> responses = _sampler.Draw(tokens, groupSize, maxTokens, temperature, seed, cancellation: cancellation);
        cancellation.ThrowIfCancellationRequested();
        IReadOnlyList<double> scores = _judge.Score([.. responses.Select((response, i) => (asked[i / groupSize], response.Text))]);
        return
        [
            .. responses.Select((response, i) =>
            {
                double total = scores[i] - (response.Truncated ? _options.MissingEndPenalty : 0);
                Reward reward = new(double.NaN, double.NaN, 0, 0, total);
                return new Rollout(new Problem(_prompts.Text(asked[i / groupSize]), ""), tokens[i / groupSize], response.Tokens, response.Text, response.Truncated, reward);
            }),
        ];
    }
}
