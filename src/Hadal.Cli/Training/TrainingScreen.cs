using Hadal.Training;
using Hadal.Training.Reports;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Hadal.Cli.Training;

/// <summary>
/// Draws the state of a run for a terminal of any width. Text that isn't ours goes in as text, never as markup, its control characters escaped.
/// </summary>
internal static class TrainingScreen
{
    // Wider would be hard to read; a terminal made narrower than a frame breaks its lines and leaves traces.
    private const int MostColumns = 92, TwoPairs = 64;
    private const int SampleLines = 4;

    private static readonly Style s_dim = new(decoration: Decoration.Dim);
    private static readonly Style s_bold = new(decoration: Decoration.Bold);
    private static readonly Style s_accent = new(Color.DodgerBlue1);
    private static readonly Style s_warning = new(Color.Orange1);

    public static IRenderable Render(ViewState state, int columns, bool unicode)
    {
        int width = Math.Clamp(columns - 1, 1, MostColumns);
        List<IRenderable> rows = [];
        if (state.Stage is { } stage) rows.Add(Line(width, ($"stage {stage.Number} of {stage.Count}: {stage.Name}", s_accent)));
        if (state.Start is { } start)
        {
            string size = $"  {Quantity.Count(start.Parameters)} parameters, {Quantity.Count(start.ActiveParameters)} active";
            rows.Add(Line(width, (PlainText.OneLine(start.Name), s_bold), (size, s_dim)));
        }

        if (state.Step is { } step)
        {
            rows.Add(Progress(step.Step, step.TotalSteps, state.Left, width, unicode));
            rows.Add(Grid(Figures(state, step), width));
            rows.Add(Line(width, ("loss ", s_dim), (Sparkline.Of(state.Losses, width - 5, unicode), s_accent)));
        }

        if (state.Policy is { } policy)
        {
            rows.Add(Progress(policy.Step, policy.TotalSteps, state.Left, width, unicode));
            rows.Add(Grid(Figures(state, policy), width));
            rows.Add(Line(width, ("best ", s_dim), (PlainText.OneLine(policy.Best), Style.Plain)));
            rows.Add(Line(width, ("worst ", s_dim), (PlainText.OneLine(policy.Worst), Style.Plain)));
            rows.Add(Line(width, (policy.Diagnosis, s_warning)));
        }

        if (state.Preference is { } preference)
        {
            rows.Add(Progress(preference.Step, preference.TotalSteps, state.Left, width, unicode));
            rows.Add(Grid(Figures(state, preference), width));
            rows.Add(Line(width, ("loss ", s_dim), (Sparkline.Of(state.Losses, width - 5, unicode), s_accent)));
        }

        if (state.Sample is { } sample) rows.Add(Sample(sample, width));
        rows.AddRange(state.Messages.Select(message => Line(width, (message, s_dim))));
        return new Rows(rows);
    }

    private static Paragraph Progress(int step, int totalSteps, TimeSpan? left, int width, bool unicode)
    {
        double share = Math.Clamp((double)step / Math.Max(totalSteps, 1), 0, 1);
        string text = $" {100 * share:F0} %  step {step:N0} of {totalSteps:N0}" + (left is { } time ? $"  {Quantity.Duration(time)} left" : "");
        int bar = Math.Clamp(width - text.Length, 0, 40), done = (int)(bar * share);
        return Line(width, (new string(unicode ? '━' : '#', done), s_accent), (new string(unicode ? '─' : '-', bar - done), s_dim), (text, Style.Plain));
    }

    private static Grid Grid(IEnumerable<(string Name, string Value, Style Style)> figures, int width)
    {
        int pairs = width >= TwoPairs ? 2 : 1;
        Grid grid = new();
        for (int p = 0; p < pairs; p++)
        {
            grid.AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(0, 0, 2, 0) });
            grid.AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(0, 0, 4, 0) });
        }

        foreach ((string Name, string Value, Style Style)[] row in figures.Chunk(pairs))
        {
            IEnumerable<IRenderable> cells = row.SelectMany(figure => new[] { new Text(figure.Name, s_dim), new Text(figure.Value, figure.Style) });
            grid.AddRow([.. cells, .. Enumerable.Repeat(Text.Empty, 2 * (pairs - row.Length))]);
        }

        return grid;
    }

    private static IEnumerable<(string Name, string Value, Style Style)> Figures(ViewState state, PolicyStepMetrics step)
    {
        yield return ("reward", Quantity.Number(step.Reward, 4), s_bold);
        yield return ("held out", state.PolicyEvaluation is { } evaluation ? HeldOut(evaluation) : "-", s_bold);
        if (!double.IsNaN(step.Accuracy)) yield return ("right answers", Quantity.Percent(step.Accuracy), Style.Plain);
        if (!double.IsNaN(step.Format)) yield return ("right form", Quantity.Percent(step.Format), Style.Plain);
        if (!double.IsNaN(step.GroupsWithSignal)) yield return ("groups with signal", Quantity.Percent(step.GroupsWithSignal), step.GroupsWithSignal < 0.1 ? s_warning : Style.Plain);
        if (step.ValueLoss is { } value) yield return ("value loss", Quantity.Number(value, 3), Style.Plain);
        if (step.ExplainedVariance is { } variance) yield return ("returns foreseen", Quantity.Percent(variance), Style.Plain);
        yield return ("response tokens", Quantity.Number(step.ResponseTokens, 4), Style.Plain);
        yield return ("cut off", Quantity.Percent(step.Truncated), step.Truncated > 0.5 ? s_warning : Style.Plain);
        yield return ("entropy", Quantity.Number(step.Entropy, 3), Style.Plain);
        yield return ("KL to the start", Quantity.Number(step.Divergence, 3), Style.Plain);
        yield return ("clipped", Quantity.Percent(step.Clipped), Style.Plain);
        yield return ("gradient norm", Quantity.Number(step.GradientNorm, 3), Style.Plain);
        yield return ("rollout tokens/s", Quantity.Count(step.RolloutTokensPerSecond), Style.Plain);
    }

    private static string HeldOut(PolicyEvaluationMetrics evaluation) => double.IsNaN(evaluation.Accuracy) && evaluation.Reward is { } reward
        ? $"reward {Quantity.Number(reward, 4)} at step {evaluation.Step:N0}"
        : $"{Quantity.Percent(evaluation.Accuracy)} solved at step {evaluation.Step:N0}";

    private static IEnumerable<(string Name, string Value, Style Style)> Figures(ViewState state, PreferenceStepMetrics step)
    {
        yield return ("loss", Quantity.Number(step.Loss, 5), double.IsFinite(step.Loss) ? s_bold : s_warning);
        yield return ("held out", state.PreferenceEvaluation is { } evaluation ? $"{Quantity.Percent(evaluation.Accuracy)} of pairs at step {evaluation.Step:N0}" : "-", s_bold);
        yield return ("right pairs", Quantity.Percent(step.Accuracy), Style.Plain);
        yield return ("margin", Quantity.Number(step.Margin, 3), Style.Plain);
        yield return ("chosen reward", Quantity.Number(step.ChosenReward, 3), Style.Plain);
        yield return ("rejected reward", Quantity.Number(step.RejectedReward, 3), Style.Plain);
        if (step.ChosenLogProbability is { } chosen) yield return ("chosen log π", Quantity.Number(chosen, 4), Style.Plain);
        if (step.RejectedLogProbability is { } rejected) yield return ("rejected log π", Quantity.Number(rejected, 4), Style.Plain);
        yield return ("learning rate", Quantity.Number(step.LearningRate, 3), Style.Plain);
        yield return ("gradient norm", Quantity.Number(step.GradientNorm, 3), Style.Plain);
        yield return ("tokens/s", Quantity.Count(step.TokensPerSecond), Style.Plain);
        yield return ("tokens", $"{Quantity.Count(step.Tokens)}, {Quantity.Number(step.Epoch, 3)} epochs", Style.Plain);
    }

    private static IEnumerable<(string Name, string Value, Style Style)> Figures(ViewState state, StepMetrics step)
    {
        yield return ("loss", Quantity.Number(step.Loss, 5), double.IsFinite(step.Loss) ? s_bold : s_warning);
        yield return ("evaluation", state.Evaluation is { } evaluation ? $"{Quantity.Number(evaluation.Loss, 5)} at step {evaluation.Step:N0}" : "-", s_bold);
        if (step.MtpLoss is { } mtp) yield return ("MTP loss", Quantity.Number(mtp, 5), Style.Plain);
        if (step.TeacherDivergence is { } divergence) yield return ("from the teacher", Quantity.Number(divergence, 5), Style.Plain);
        if (state.Best is { } best) yield return ("best evaluation", $"{Quantity.Number(best.Loss, 5)} at step {best.Step:N0}", Style.Plain);
        yield return ("learning rate", Quantity.Number(step.LearningRate, 3), Style.Plain);
        yield return ("gradient norm", Quantity.Number(step.GradientNorm, 3) + (step.WasClipped ? " clipped" : ""), step.WasClipped ? s_warning : Style.Plain);
        yield return ("tokens/s", Quantity.Count(step.TokensPerSecond), Style.Plain);
        if (step.ModelFlopUtilisation is { } utilisation) yield return ("FLOP utilisation", Quantity.Percent(utilisation), Style.Plain);
        if (step.MaxVio is { } maxVio) yield return ("MaxVio", Quantity.Number(maxVio, 3), Style.Plain);
        yield return ("tokens", $"{Quantity.Count(step.Tokens)}, {Quantity.Number(step.Epoch, 3)} epochs", Style.Plain);
        yield return ("peak memory", Quantity.Bytes(step.PeakBytes), Style.Plain);
    }

    private static Rows Sample(SampleText sample, int width)
    {
        string head = $"sample at step {sample.Step:N0}: ";
        string prompt = OneLine(sample.Prompt), all = prompt + OneLine(sample.Text);
        int room = Math.Max(1, SampleLines * width - head.Length);
        if (all.Length > room) all = all[..(char.IsHighSurrogate(all[room - 1]) ? room - 1 : room)];
        int split = Math.Min(prompt.Length, all.Length);
        Paragraph text = new Paragraph().Append(head, s_dim).Append(all[..split], s_bold).Append(all[split..]);
        return new Rows(text);

        static string OneLine(string text) => PlainText.OneLine(text.ReplaceLineEndings(" "));
    }

    // A line that is cut at the width instead of broken.
    private static Paragraph Line(int width, params ReadOnlySpan<(string Text, Style Style)> parts)
    {
        Paragraph line = new() { Overflow = Overflow.Crop };
        int left = width;
        foreach ((string text, Style style) in parts)
        {
            int length = Math.Min(text.Length, left);
            if (length > 0) line.Append(text[..length], style);
            left -= length;
        }

        return line;
    }
}
