namespace Hadal.Training;

/// <summary>
/// Distillation by soft labels: at every token that is learnt, the student is pulled to the teacher's whole distribution. Distillation from
/// what a teacher has written, as R1's small models were made (arXiv 2501.12948, section 2.4), is fine-tuning on it and needs no teacher here.
/// </summary>
public sealed record TeacherOptions
{
    /// <summary>The folder of the teacher; its vocabulary must be the student's.</summary>
    public required string Model { get; init; }

    /// <summary>How much the divergence counts, beside <c>objective.mainWeight</c> times the cross entropy.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Divides the logits of both: above 1 the teacher's rarer tokens tell more.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>
    /// β of the generalised Jensen-Shannon divergence (GKD, arXiv 2306.13649): 0 is KL(teacher || student) and 1 the reverse. Null is the former
    /// with Hinton's factor of the squared temperature.
    /// </summary>
    public double? JensenShannon { get; init; }
}
