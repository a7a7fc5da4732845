using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Training.Distillation;

/// <summary>
/// Soft labels: a student is pulled to the whole distribution of a teacher, row by row. No gradient reaches the teacher. Saves the logits
/// of both; backward computes the distributions again rather than keep two tables of the size of the logits.
/// </summary>
public static class DistillationLosses
{
    /// <summary>
    /// T² KL(softmax(t/T) || softmax(s/T)) for every row (Hinton et al. 2015, arXiv 1503.02531, section 2.1): T² keeps the gradient's size
    /// at any temperature.
    /// </summary>
    /// <param name="g">The graph.</param>
    /// <param name="student">[rows, vocabulary].</param>
    /// <param name="teacher">[rows, vocabulary].</param>
    /// <param name="temperature">T, above 0.</param>
    /// <returns>[rows, 1], in nats.</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is not above 0.</exception>
    public static Tensor SoftLabels(this Graph g, Tensor student, Tensor teacher, float temperature = 1) =>
        Record(g, student, teacher, temperature, mixture: 0, scale: (double)temperature * temperature);

    /// <summary>
    /// The generalised Jensen-Shannon divergence (GKD, Agarwal et al. 2024, arXiv 2306.13649, equation 1): β KL(T || M) + (1 - β) KL(S ||
    /// M)
    /// with M = β T + (1 - β) S; β = 0 is KL(T || S) and β = 1 is KL(S || T). There is no factor T².
    /// </summary>
    /// <param name="g">The graph.</param>
    /// <param name="student">[rows, vocabulary].</param>
    /// <param name="teacher">[rows, vocabulary].</param>
    /// <param name="beta">β, from 0 to 1.</param>
    /// <param name="temperature">T, above 0.</param>
    /// <returns>[rows, 1], in nats.</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is not above 0, or β not from 0 to 1.</exception>
    public static Tensor JensenShannon(this Graph g, Tensor student, Tensor teacher, double beta, float temperature = 1)
    {
        if (!(beta is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(beta), beta, "expected 0 to 1");
        return Record(g, student, teacher, temperature, beta, scale: 1);
    }

    private static Tensor Record(Graph g, Tensor student, Tensor teacher, float temperature, double mixture, double scale)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(student);
        ArgumentNullException.ThrowIfNull(teacher);
        if (student.Shape != teacher.Shape)
        {
            throw new ArgumentException($"expected logits of one shape, found {student.Shape} and {teacher.Shape}", nameof(teacher));
        }

        if (!(temperature > 0 && float.IsFinite(temperature)))
        {
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "expected more than 0");
        }

        Tensor losses = g.Allocate(new Shape(student.Shape.Rows, 1), g.Records(student));
        DistillationRows rows = new(student.AsMatrix(), teacher.AsMatrix(), losses.AsMatrix(), null, temperature, mixture, scale);
        g.Workers.Run(ref rows, student.Shape.Rows);
        if (losses.RequiresGradient) g.Record(new Backpropagation(student, teacher, losses, temperature, mixture, scale));
        return losses;
    }

    private sealed class Backpropagation(Tensor student, Tensor teacher, Tensor losses, float temperature, double mixture, double scale) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(losses) is not { } dLosses || g.GradientOf(student) is not { } dStudent) return;
            DistillationRows rows = new(student.AsMatrix(), teacher.AsMatrix(), dLosses, dStudent, temperature, mixture, scale);
            g.Workers.Run(ref rows, student.Shape.Rows);
        }
    }
}
