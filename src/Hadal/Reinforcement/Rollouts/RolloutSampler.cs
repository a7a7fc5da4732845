using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Tasks;
using Hadal.Tokenization;

namespace Hadal.Reinforcement.Rollouts;

/// <summary>
/// Lets a policy answer problems, several times each, with the very weights that are being trained, and scores the answers. Tokens are
/// drawn at a temperature and otherwise from the whole distribution, so that what was sampled is what the losses are about.
/// </summary>
/// <param name="model">The policy.</param>
/// <param name="tokenizer">Its tokenizer.</param>
/// <param name="workers">Threads to use.</param>
/// <param name="prompts">How questions become prompts.</param>
public sealed class RolloutSampler(Transformer model, Tokenizer tokenizer, WorkerPool workers, PromptWriter prompts)
{
    /// <summary>Sequences decoded side by side.</summary>
    public int AtOnce { get; init; } = 64;

    /// <summary>What products do to their factors; as in training.</summary>
    public ProductPrecision Precision { get; init; } = ProductPrecision.F32;

    /// <summary>The seed of the draws of a training step.</summary>
    internal static long StepSeed(int seed, int step) => ((long)seed << 32) + step;

    /// <summary>Samples a group of responses to each problem.</summary>
    /// <param name="task">Checks answers.</param>
    /// <param name="rewards">What they earn.</param>
    /// <param name="problems">The problems.</param>
    /// <param name="groupSize">Responses to each.</param>
    /// <param name="maxTokens">Most tokens of a response, its end included.</param>
    /// <param name="temperature">Sampling temperature; 0 takes the best token.</param>
    /// <param name="seed">The same seed samples the same responses.</param>
    /// <param name="progress">Told after each response how many have ended, and how many tokens were drawn.</param>
    /// <param name="cancellation">Checked before every token.</param>
    /// <returns>[problems * groupSize], groups one after the other.</returns>
    /// <exception cref="ContextLengthException">A prompt leaves no room for a response in the model's context.</exception>
    public IReadOnlyList<Rollout> Sample(
        VerifiableTask task, RewardFunction rewards, IReadOnlyList<Problem> problems, int groupSize, int maxTokens, float temperature, long seed,
        Action<int, long>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(problems);
        ArgumentNullException.ThrowIfNull(rewards);
        int[][] tokens = [.. problems.Select(problem => prompts.Tokens(problem.Prompt))];
        int most = model.Config.MaxPositionEmbeddings - 1, tooLong = Array.FindIndex(tokens, prompt => prompt.Length > most);
        if (tooLong >= 0) throw new ContextLengthException($"the prompt of problem {tooLong + 1}", tokens[tooLong].Length, most, "this model's context");
        IReadOnlyList<DrawnResponse> drawn = Draw(tokens, groupSize, maxTokens, temperature, seed, progress, cancellation);
        Rollout[] rollouts = new Rollout[drawn.Count];
        for (int i = 0; i < rollouts.Length; i++)
        {
            Problem problem = problems[i / groupSize];
            DrawnResponse response = drawn[i];
            Reward reward = rewards.Score(task, problem, response.Text, response.Tokens.Length);
            rollouts[i] = new Rollout(problem, tokens[i / groupSize], response.Tokens, response.Text, response.Truncated, reward);
        }

        return rollouts;
    }

    /// <summary>Samples a group of responses to each prompt, whatever they are worth.</summary>
    /// <param name="tokens">The prompts.</param>
    /// <param name="groupSize">Responses to each.</param>
    /// <param name="maxTokens">Most tokens of a response, its end included.</param>
    /// <param name="temperature">Sampling temperature; 0 takes the best token.</param>
    /// <param name="seed">The same seed samples the same responses.</param>
    /// <param name="progress">Told after each response how many have ended, and how many tokens were drawn.</param>
    /// <param name="cancellation">Checked before every token.</param>
    /// <returns>[prompts * groupSize], groups one after the other.</returns>
    internal IReadOnlyList<DrawnResponse> Draw(
        IReadOnlyList<int[]> tokens, int groupSize, int maxTokens, float temperature, long seed, Action<int, long>? progress = null, CancellationToken cancellation = default)
    {
        GenerationRequest[] requests =
        [
            .. tokens.Select((prompt, p) => new GenerationRequest(
                prompt, maxTokens, new SamplingOptions { Temperature = temperature, Seed = unchecked(seed * 1_000_003 + (long)p * Scheduler.MaxSamples) }) { Samples = groupSize }),
        ];
        List<int>[] drawn = [.. Enumerable.Range(0, tokens.Count * groupSize).Select(_ => new List<int>())];
        bool[] truncated = new bool[drawn.Length];
        int ended = 0;
        long tokenCount = 0;
        new TextGenerator(model, workers) { Precision = Precision }.RunSamples(requests, (request, e) =>
        {
            int rollout = request * groupSize + e.Sample;
            if ((e.Token?.Token ?? e.EndToken) is { } token)
            {
                drawn[rollout].Add(token);
                tokenCount++;
            }

            if (e.Finish is not { } reason) return;
            truncated[rollout] = reason == FinishReason.Length;
            progress?.Invoke(++ended, tokenCount);
        }, AtOnce, cancellation);
        return [.. drawn.Select((response, i) => new DrawnResponse([.. response], tokenizer.Decode([.. response], skipSpecial: true), truncated[i]))];
    }
}

/// <summary>A response as it was drawn.</summary>
/// <param name="Tokens">Its tokens, its end of text included.</param>
/// <param name="Text">It in words.</param>
/// <param name="Truncated">Whether the limit of tokens cut it off.</param>
internal sealed record DrawnResponse(int[] Tokens, string Text, bool Truncated);
