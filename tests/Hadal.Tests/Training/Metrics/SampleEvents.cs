using Hadal.Training;

namespace Hadal.Tests.Training.Metrics;

/// <summary>Events as a small run would tell them.</summary>
internal static class SampleEvents
{
    public static StepMetrics Step(int step, double loss = 2.5) => new()
    {
        Step = step,
        TotalSteps = 100,
        Tokens = 2048L * step,
        Epoch = 0.01 * step,
        Loss = loss,
        LearningRate = 3e-4,
        GradientNorm = 0.75,
        WasClipped = false,
        StepSeconds = 0.5,
        TokensPerSecond = 4096,
        PeakBytes = 300_000_000,
        SequenceLength = 256,
        BatchTokens = 2048,
    };

    public static StepMetrics Full(int step, double loss = 2.5) => Step(step, loss) with
    {
        MtpLoss = 3.25,
        BalanceLoss = 1e-4,
        ModelFlopUtilisation = 0.41,
        MaxVio = 0.7,
        MaxVioByLayer = [0.6, 0.8],
        ExpertLoad = [[10, 20, 30, 4], [16, 16, 16, 16]],
    };

    public static EvaluationMetrics Evaluation(int step, double loss = 2.75) =>
        new() { Step = step, Loss = loss, Tokens = 4096, NatsPerByte = 0.9, FromAverage = true };

    public static PolicyStepMetrics Policy(int step, double accuracy = 0.25) => new()
    {
        Step = step,
        TotalSteps = 100,
        Reward = accuracy + 0.9,
        Accuracy = accuracy,
        Format = 0.9,
        LanguageReward = 1,
        GroupsWithSignal = 0.6,
        ResponseTokens = 40 + step,
        Truncated = 0.05,
        Entropy = 0.8,
        Divergence = 0.01,
        Clipped = 0.001,
        Loss = 0.02,
        GradientNorm = 0.5,
        LearningRate = 1e-5,
        RolloutSeconds = 3,
        UpdateSeconds = 1,
        RolloutTokensPerSecond = 2000,
        Best = $"3 7 25 -> 46 best of {step}",
        Worst = $"3 7 25 -> 46 worst of {step}",
        Diagnosis = $"The reward is {step}.",
    };

    public static PolicyEvaluationMetrics PolicyEvaluation(int step, double accuracy) => new() { Step = step, Problems = 128, Accuracy = accuracy, ResponseTokens = 50 };

    public static SampleText Sample(int step, string text = " there was a \"dragon\"\r\nin Köln 🐉") => new() { Step = step, Prompt = "Once upon a time", Text = text };
}
