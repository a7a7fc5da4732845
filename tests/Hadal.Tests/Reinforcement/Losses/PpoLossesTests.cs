using System.Text.Json;
using Hadal.Reinforcement.Losses;
using static Hadal.Tests.Reinforcement.Losses.GoldenLosses;

namespace Hadal.Tests.Reinforcement.Losses;

/// <summary>PPO against what TRL computed, response by response without padding.</summary>
public sealed class PpoLossesTests
{
    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Rewards_advantages_losses_and_gradients_are_those_of_TRL(int index)
    {
        JsonElement golden = Read("ppo"), inputs = golden.GetProperty("inputs"), c = golden.GetProperty("cases")[index], args = c.GetProperty("args");
        bool[] tokens = Mask(inputs.GetProperty("padding_mask"), keep: 0), steps = Mask(inputs.GetProperty("padding_mask_p1"), keep: 0);
        float[] scores = Floats(inputs.GetProperty("scores"));
        int[] lengths = Lengths(tokens, scores.Length), stepCounts = Lengths(steps, scores.Length);
        float[] old = Unpadded(inputs.GetProperty("old_logprobs"), tokens), reference = Unpadded(inputs.GetProperty("ref_logprobs"), tokens);
        float[] values = Unpadded(inputs.GetProperty("values"), steps);
        DivergenceEstimator estimator = args.GetProperty("kl_estimator").GetString() == "k1" ? DivergenceEstimator.K1 : DivergenceEstimator.K3;

        float[] rewards = new float[values.Length], advantages = new float[values.Length], returns = new float[values.Length];
        ForEach((token, length, step, count, i) => GeneralisedAdvantage.Rewards(
            old.AsSpan(token, length), reference.AsSpan(token, length), scores[i], Number(args, "kl_coef"), estimator, rewards.AsSpan(step, count)));
        if (args.GetProperty("whiten_rewards").GetBoolean()) Whitening.Whiten(rewards, centre: false);
        Close(Unpadded(c.GetProperty("rewards"), steps), rewards, 2e-6, "rewards");

        ForEach((token, length, step, count, i) => GeneralisedAdvantage.Compute(
            rewards.AsSpan(step, count), values.AsSpan(step, count), Number(args, "gamma"), Number(args, "lam"), advantages.AsSpan(step, count), returns.AsSpan(step, count)));
        Close(Unpadded(c.GetProperty("returns"), steps), returns, 5e-6, "returns");

        // The state after the last token has a value but no token that an advantage could change.
        List<float> ofTokens = [];
        ForEach((token, length, step, count, i) => ofTokens.AddRange(advantages.AsSpan(step, length)));
        float[] whitened = [.. ofTokens];
        Whitening.Whiten(whitened);
        Close(Unpadded(c.GetProperty("advantages"), tokens), whitened, 1e-5, "advantages");

        float[] logProbabilities = LogProbabilities(inputs, tokens);
        PolicyLoss policy = PpoLosses.Policy(logProbabilities, old, whitened, Number(args, "cliprange"));
        LossAndGradient value = PpoLosses.Value(Unpadded(inputs.GetProperty("vpred"), steps), values, returns, Number(args, "cliprange_value"));
        double valueWeight = Number(args, "vf_coef");
        Assert.Equal(Number(c, "pg_loss"), policy.Value, 3e-6);
        Assert.Equal(Number(c, "vf_loss"), value.Value, 3e-6);
        Assert.Equal(Number(c, "loss"), policy.Value + valueWeight * value.Value, 3e-6);
        Close(Unpadded(c.GetProperty("grad_logprobs"), tokens), policy.Gradient.Span, 2e-6, "gradient of the policy");
        Close(Unpadded(c.GetProperty("grad_vpred"), steps), [.. value.Gradient.ToArray().Select(x => (float)(x * valueWeight))], 2e-6, "gradient of the values");

        void ForEach(Action<int, int, int, int, int> body)
        {
            for (int i = 0, token = 0, step = 0; i < scores.Length; token += lengths[i], step += stepCounts[i], i++) body(token, lengths[i], step, stepCounts[i], i);
        }
    }

    [Fact]
    public void Advantages_with_lambda_one_are_returns_less_values()
    {
        // γ = λ = 1: the return of a step is the sum of the rewards from there.
        float[] advantages = new float[3], returns = new float[3];
        GeneralisedAdvantage.Compute([1, 2, 3], [0.5f, -0.5f, 0.25f], 1, 1, advantages, returns);
        Close([6, 5, 3], returns, 1e-6, "returns");
        Close([5.5f, 5.5f, 2.75f], advantages, 1e-6, "advantages");

        // λ = 0: one step ahead: 1 + 0.9·(-0.5) - 0.5, 2 + 0.9·0.25 + 0.5, 3 - 0.25.
        GeneralisedAdvantage.Compute([1, 2, 3], [0.5f, -0.5f, 0.25f], 0.9, 0, advantages, returns);
        Close([0.05f, 2.725f, 2.75f], advantages, 1e-6, "advantages");
    }

    [Fact]
    public void What_does_not_fit_together_is_refused()
    {
        Assert.Throws<ArgumentException>(() => PpoLosses.Policy([1, 2], [1], [1, 2]));
        Assert.Throws<ArgumentException>(() => PpoLosses.Value([1, 2], [1, 2], [1]));
        Assert.Throws<ArgumentException>(() => GeneralisedAdvantage.Rewards([1, 2], [1, 2], 1, 0.1, DivergenceEstimator.K1, new float[4]));
        Assert.Throws<ArgumentException>(() => Whitening.Whiten(new float[1]));
    }

    // log softmax(logits)[response], in double precision from the file's logits.
    private static float[] LogProbabilities(JsonElement inputs, bool[] tokens)
    {
        float[] logits = Floats(inputs.GetProperty("logits"));
        int[] responses = Integers(inputs.GetProperty("responses"));
        int vocabulary = logits.Length / responses.Length;
        List<float> found = [];
        for (int i = 0; i < responses.Length; i++)
        {
            if (!tokens[i]) continue;
            double[] row = [.. logits.AsSpan(i * vocabulary, vocabulary).ToArray().Select(static x => (double)x)];
            found.Add((float)(row[responses[i]] - Math.Log(row.Sum(Math.Exp))));
        }

        return [.. found];
    }
}
