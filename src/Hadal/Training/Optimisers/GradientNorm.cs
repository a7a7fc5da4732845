using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Training;

/// <summary>The length of all gradients taken as one vector, and clipping by it (Pascanu et al. 2013, arXiv 1211.5063).</summary>
public static class GradientNorm
{
    /// <summary>
    /// The L2 norm over all parameters, added up in double in the order given. Not finite if a gradient isn't: then the step is best
    /// left out.
    /// </summary>
    public static double Of(WorkerPool workers, IEnumerable<Parameter> parameters) => Math.Sqrt(SumOfSquares(workers, parameters));

    /// <summary>The square of the norm, which ranks that hold different parameters add up.</summary>
    public static double SumOfSquares(WorkerPool workers, IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        double sum = 0;
        foreach (Parameter parameter in parameters)
        {
            if (parameter.Value.Gradient is { } gradient) sum += Elementwise.SumOfSquares(workers, gradient.AsMatrix());
        }

        return sum;
    }

    /// <summary>
    /// The factor that brings gradients of norm <paramref name="norm"/> down to <paramref name="maxNorm"/>: min(1, maxNorm / (norm + 1e-6)),
    /// as torch.nn.utils.clip_grad_norm_ has it. NaN for a norm of NaN.
    /// </summary>
    /// <param name="norm">Norm of the gradients.</param>
    /// <param name="maxNorm">The norm allowed; null for any.</param>
    public static double ClipScale(double norm, double? maxNorm) => maxNorm is { } allowed ? Math.Min(1, allowed / (norm + 1e-6)) : 1;
}
