using Hadal.Training;

namespace Hadal.Cli.Training;

/// <summary>What the live view knows of a run.</summary>
internal sealed class ViewState
{
    private const int MostMessages = 3;
    private const int MostLosses = 4096;
    private int _lossEvery = 1;
    private int _lossesPending;
    private double _lossSum;

    public StageStart? Stage { get; set; }

    public TrainingStart? Start { get; init; }

    public StepMetrics? Step { get; set; }

    public PolicyStepMetrics? Policy { get; set; }

    public PolicyEvaluationMetrics? PolicyEvaluation { get; private set; }

    public PreferenceStepMetrics? Preference { get; set; }

    public PreferenceEvaluationMetrics? PreferenceEvaluation { get; private set; }

    public TimeSpan? Left { get; set; }

    public EvaluationMetrics? Evaluation { get; private set; }

    public EvaluationMetrics? Best { get; private set; }

    public SampleText? Sample { get; set; }

    /// <summary>The losses so far, thinned out to means when there are many.</summary>
    public List<double> Losses { get; } = [];

    /// <summary>The last few messages.</summary>
    public Queue<string> Messages { get; init; } = new();

    /// <summary>What is known when another run of the same line begins.</summary>
    public ViewState Next(TrainingStart run) => new() { Stage = Stage, Start = run, Messages = Messages };

    public void Add(double loss)
    {
        _lossSum += loss;
        if (++_lossesPending < _lossEvery) return;
        Losses.Add(_lossSum / _lossesPending);
        (_lossSum, _lossesPending) = (0, 0);
        if (Losses.Count < MostLosses) return;
        double[] halves = [.. Losses.Chunk(2).Select(pair => pair.Average())];
        Losses.Clear();
        Losses.AddRange(halves);
        _lossEvery *= 2;
    }

    public void Add(EvaluationMetrics evaluation)
    {
        Evaluation = evaluation;
        if (Best is null || evaluation.Loss < Best.Loss || double.IsNaN(Best.Loss)) Best = evaluation;
    }

    public void Add(PolicyEvaluationMetrics evaluation) => PolicyEvaluation = evaluation;

    public void Add(PreferenceEvaluationMetrics evaluation) => PreferenceEvaluation = evaluation;

    public void Add(string message)
    {
        Messages.Enqueue(PlainText.OneLine(message));
        if (Messages.Count > MostMessages) Messages.Dequeue();
    }
}
