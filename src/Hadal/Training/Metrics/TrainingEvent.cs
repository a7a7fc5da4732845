using System.Text.Json.Serialization;

namespace Hadal.Training;

/// <summary>
/// Something that a run tells of itself: one line of <c>metrics.jsonl</c>, told apart by its <c>kind</c>. Losses are in nats; a number that is
/// infinite or not a number is kept, as a run that diverges must be able to say so.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(StepMetrics), "step")]
[JsonDerivedType(typeof(EvaluationMetrics), "evaluation")]
[JsonDerivedType(typeof(SampleText), "sample")]
[JsonDerivedType(typeof(PolicyStepMetrics), "policyStep")]
[JsonDerivedType(typeof(PolicyEvaluationMetrics), "policyEvaluation")]
[JsonDerivedType(typeof(PreferenceStepMetrics), "preferenceStep")]
[JsonDerivedType(typeof(PreferenceEvaluationMetrics), "preferenceEvaluation")]
[JsonDerivedType(typeof(SampledProblem), "sampledProblem")]
public abstract record TrainingEvent
{
    /// <summary>Updates made so far: 1 after the first.</summary>
    public required int Step { get; init; }

    /// <summary>Calls the method of an observer that is meant for this kind of event.</summary>
    internal abstract void TellTo(ITrainingObserver observer);
}
