using System.Globalization;
using Hadal.Training;
using Hadal.Training.Reports;

namespace Hadal.Cli.Training;

/// <summary>Tells of a run in lines that read well in a log: a step now and then, and whatever else happens.</summary>
internal sealed class PlainTrainingView(TextWriter output, TimeProvider time) : ITrainingObserver
{
    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(10);
    private RemainingTime _remaining = new(time);
    private long _lastLine;
    private bool _hasLine;

    public void StageStarted(StageStart stage) => Line($"stage {stage.Number} of {stage.Count}: {stage.Name}{(stage.Resumes ? ", resumed" : "")}");

    public void Started(TrainingStart run)
    {
        (_remaining, _hasLine) = (new RemainingTime(time), false);
        string resumed = run.StepsBefore > 0 ? $", resumed after step {run.StepsBefore:N0}" : "";
        string size = $"{Quantity.Count(run.Parameters)} parameters, {Quantity.Count(run.ActiveParameters)} active";
        Line($"training {run.Name}: {size}, {run.TotalSteps:N0} steps{resumed}");
    }

    public void Stepped(StepMetrics step)
    {
        _remaining.Add(step.Step, step.TotalSteps);
        if (!IsDue(step.Step, step.TotalSteps, step.Loss)) return;
        Line(string.Concat(Fields(step).Select(field => $"{field.Key}={field.Value}".PadRight(field.Key.Length + 2 + field.Width))).TrimEnd());
    }

    public void Stepped(PolicyStepMetrics step) => Line(string.Create(
        CultureInfo.InvariantCulture,
        $"step={step.Step}/{step.TotalSteps} reward={step.Reward:F3}{Share("accuracy", step.Accuracy)}{Share("format", step.Format)}{Share("signal", step.GroupsWithSignal)}{Value(step)} length={step.ResponseTokens:F0} entropy={step.Entropy:F3} kl={step.Divergence:F4} clipped={step.Clipped:P1} norm={Quantity.Number(step.GradientNorm, 3)} tok/s={Quantity.Count(step.RolloutTokensPerSecond)} rollout={step.RolloutSeconds:F1}s update={step.UpdateSeconds:F1}s"));

    public void Evaluated(PolicyEvaluationMetrics evaluation)
    {
        string solved = double.IsNaN(evaluation.Accuracy) ? " answers to" : string.Create(CultureInfo.InvariantCulture, $" solved={evaluation.Accuracy:P1} of");
        string reward = evaluation.Reward is { } mean ? string.Create(CultureInfo.InvariantCulture, $" reward={mean:F3}") : "";
        Line(string.Create(CultureInfo.InvariantCulture, $"evaluation step={evaluation.Step}{solved} {evaluation.Problems} held-out problems,{reward} length={evaluation.ResponseTokens:F0}"));
    }

    public void Stepped(PreferenceStepMetrics step)
    {
        _remaining.Add(step.Step, step.TotalSteps);
        if (!IsDue(step.Step, step.TotalSteps, step.Loss)) return;
        string logs = step is { ChosenLogProbability: { } chosen, RejectedLogProbability: { } rejected }
            ? string.Create(CultureInfo.InvariantCulture, $" logp={chosen:F1}/{rejected:F1}") : "";
        string left = _remaining.Estimate is { } time ? $" left={Quantity.Duration(time)}" : "";
        Line(string.Create(
            CultureInfo.InvariantCulture,
            $"step={step.Step}/{step.TotalSteps} loss={step.Loss:F4} accuracy={step.Accuracy:P1} margin={step.Margin:F3} rewards={step.ChosenReward:F3}/{step.RejectedReward:F3}{logs} lr={step.LearningRate:0.00e0} norm={Quantity.Number(step.GradientNorm, 3)} tok/s={Quantity.Count(step.TokensPerSecond)}{left}"));
    }

    public void Evaluated(PreferenceEvaluationMetrics evaluation) => Line(string.Create(
        CultureInfo.InvariantCulture,
        $"evaluation step={evaluation.Step} loss={evaluation.Loss:F4} accuracy={evaluation.Accuracy:P1} margin={evaluation.Margin:F3} of {evaluation.Pairs} held-out pairs"));

    public void Evaluated(EvaluationMetrics evaluation)
    {
        string bytes = evaluation.NatsPerByte is { } perByte ? $" nats/byte={Fixed(perByte)}" : "";
        string weights = evaluation.FromAverage ? " weights=averaged" : "";
        Line($"evaluation step={evaluation.Step} loss={Fixed(evaluation.Loss)}{bytes} tokens={evaluation.Tokens}{weights}");
    }

    public void Sampled(SampleText sample) => Line($"sample step={sample.Step} {sample.Prompt}{sample.Text}");

    public void Saved(int step, string folder, double seconds) => Line($"saved step={step} in {folder}, {Quantity.Number(seconds, 2)} s");

    public void Message(string text) => Line(text);

    public void Finished(TrainingEnd run) => Line(TrainingText.End(run));

    public void Dispose() => output.Flush();

    // Now and then, at the end, and whenever something is wrong.
    private bool IsDue(int step, int totalSteps, double loss)
    {
        bool isDue = !_hasLine || time.GetElapsedTime(_lastLine) >= s_every || step >= totalSteps || !double.IsFinite(loss);
        if (isDue) (_lastLine, _hasLine) = (time.GetTimestamp(), true);
        return isDue;
    }

    // What a step may not have.
    private static string Share(string name, double share) => double.IsNaN(share) ? "" : string.Create(CultureInfo.InvariantCulture, $" {name}={share:P1}");

    private static string Value(PolicyStepMetrics step) => step is { ValueLoss: { } loss, ExplainedVariance: { } variance }
        ? string.Create(CultureInfo.InvariantCulture, $" value={loss:F4} explained={variance:P0}") : "";

    private IEnumerable<(string Key, string Value, int Width)> Fields(StepMetrics step)
    {
        string total = step.TotalSteps.ToString(CultureInfo.InvariantCulture);
        yield return ("step", $"{step.Step}/{total}", 2 * total.Length + 1);
        yield return ("loss", Fixed(step.Loss), 7);
        if (step.MtpLoss is { } mtp) yield return ("mtp", Fixed(mtp), 7);
        if (step.TeacherDivergence is { } divergence) yield return ("teacher", Fixed(divergence), 7);
        yield return ("lr", step.LearningRate.ToString("0.00e0", CultureInfo.InvariantCulture), 8);
        yield return ("norm", Quantity.Number(step.GradientNorm, 3) + (step.WasClipped ? "*" : ""), 7);
        yield return ("tok/s", Quantity.Count(step.TokensPerSecond), 5);
        if (step.ModelFlopUtilisation is { } utilisation) yield return ("mfu", (100 * utilisation).ToString("F1", CultureInfo.InvariantCulture) + "%", 5);
        if (step.MaxVio is { } maxVio) yield return ("maxvio", maxVio.ToString("F2", CultureInfo.InvariantCulture), 5);
        yield return ("tokens", Quantity.Count(step.Tokens), 5);
        if (_remaining.Estimate is { } left) yield return ("left", Quantity.Duration(left), 10);
    }

    private static string Fixed(double value) => value.ToString("F4", CultureInfo.InvariantCulture);

    private void Line(string text) => output.WriteLine(PlainText.OneLine(text));
}
