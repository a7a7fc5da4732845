using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Training;

/// <summary>
/// Trains parameters by their gradients, and owns what it remembers between steps: moments, and where values are BF16 the F32 weights that
/// steps add to, since a BF16 weight would swallow changes below 0.4 % of it. It serves one thread at a time.
/// </summary>
/// <remarks>
/// A parameter without a gradient (an expert that no token took) is trained as if its gradient were zero: moments and weight decay.
/// Results depend on neither the number of workers nor the order of the parameters.
/// </remarks>
public sealed class Optimizer : IDisposable
{
    private readonly List<TrainedParameter> _trained = [];
    private readonly MuonMatrices _muon;

    /// <summary>Makes fresh state. Load or initialise the weights first: they are copied where values are BF16.</summary>
    /// <param name="options">The rule.</param>
    /// <param name="parameters">
    /// What to train; those that gradients don't train (correction biases, and values that require no gradient) are left out.
    /// </param>
    /// <param name="workers">Threads for the copies.</param>
    /// <exception cref="ArgumentException">An option is out of range, or a parameter is given twice.</exception>
    /// <exception cref="InvalidOperationException">A parameter has no memory.</exception>
    public Optimizer(OptimizerOptions options, IEnumerable<Parameter> parameters, WorkerPool workers)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(parameters);
        options.Validate();
        Options = options;
        Parameter[] trained = [.. parameters.Where(p => p.IsTrainable && p.Value.RequiresGradient)];
        Parameter? twice = trained.GroupBy(p => p.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1)?.First();
        if (twice is not null) throw new ArgumentException($"parameter {twice.Name} is given twice.", nameof(parameters));
        try
        {
            foreach (Parameter parameter in trained) _trained.Add(TrainedParameter.Create(options, parameter, workers));
        }
        catch
        {
            _trained.ForEach(state => state.Dispose());
            throw;
        }

        Parameters = trained;
        _muon = new MuonMatrices(options, _trained.Where(state => state.Momentum is not null));
    }

    /// <summary>The rule.</summary>
    public OptimizerOptions Options { get; }

    /// <summary>What is trained.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Steps made. Set it after the state was restored.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public long StepCount
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>
    /// All that the next step depends on besides weights, gradients and <see cref="StepCount"/>, in a fixed order under fixed names. The
    /// tensors are the live ones: write into them to restore.
    /// </summary>
    public IEnumerable<(string Name, Tensor Value)> State => _trained.SelectMany(state => state.State);

    /// <summary>Bytes of <see cref="State"/>, for parameters that need not have memory yet.</summary>
    /// <param name="options">The rule.</param>
    /// <param name="parameters">What to train.</param>
    /// <param name="matrices">Type of the values of matrices: F32, or BF16 in mixed precision.</param>
    /// <exception cref="OverflowException">The figure does not fit 64 bits.</exception>
    public static long StateBytes(OptimizerOptions options, IEnumerable<Parameter> parameters, ElementType matrices)
    {
        ArgumentNullException.ThrowIfNull(options);
        long bytes = 0;
        foreach (Parameter parameter in parameters.Where(p => p.IsTrainable))
        {
            bytes = checked(bytes + TrainedParameter.StateBytes(options, parameter, parameter.IsMatrix ? matrices : ElementType.F32));
        }

        return bytes;
    }

    /// <summary>Bytes that <see cref="Step"/> takes besides <see cref="State"/> and keeps for the next.</summary>
    /// <param name="options">The rule.</param>
    /// <param name="parameters">What to train; need not have memory yet.</param>
    /// <param name="workers">Threads.</param>
    public static long ScratchBytes(OptimizerOptions options, IEnumerable<Parameter> parameters, int workers)
    {
        ArgumentNullException.ThrowIfNull(options);
        return MuonMatrices.ScratchBytes(parameters.Where(p => p.IsTrainable && TrainedParameter.UsesMuon(options, p)), workers);
    }

    /// <summary>The weights of a trained parameter in full precision: the F32 copy in mixed precision, else its value.</summary>
    /// <exception cref="ArgumentException">This optimiser does not train the parameter.</exception>
    public Tensor Weights(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        TrainedParameter? found = _trained.Find(state => ReferenceEquals(state.Parameter, parameter));
        return found?.Weights ?? throw new ArgumentException($"parameter {parameter.Name} is not trained by this optimiser.", nameof(parameter));
    }

    /// <summary>
    /// Makes one step. Each parameter is read and written in one pass; where values are BF16 the pass also writes the rounded weights.
    /// </summary>
    /// <param name="workers">Threads.</param>
    /// <param name="learningRate">η of this step.</param>
    /// <param name="gradientScale">Factor of all gradients, as <see cref="GradientNorm.ClipScale"/> gives it.</param>
    /// <param name="clearGradients">Whether gradients are set to zero on the way, which saves a pass of its own.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative or not finite.</exception>
    public void Step(WorkerPool workers, double learningRate, double gradientScale = 1, bool clearGradients = false)
    {
        ArgumentNullException.ThrowIfNull(workers);
        RequireFinite(learningRate, nameof(learningRate));
        RequireFinite(gradientScale, nameof(gradientScale));
        double besides = Options.Kind == OptimizerKind.Muon ? Options.Muon.AdamWLearningRateFactor : 1;
        AdamWStep step = new(
            learningRate * besides, Options.Beta1, Options.Beta2, Options.Epsilon, Options.WeightDecay, StepCount + 1, gradientScale);
        AdamWStep withoutDecay = step with { WeightDecay = 0 };
        foreach (TrainedParameter state in _trained)
        {
            if (state.Momentum is not null) continue;
            Tensor value = state.Parameter.Value;
            AdamWUpdate.Run(
                workers, state.Decays ? step : withoutDecay, Flat(value.Gradient), Flat(state.Weights)!.Value,
                Flat(state.FirstMoment)!.Value, Flat(state.SecondMoment)!.Value, state.Master is null ? null : Flat(value), clearGradients);
        }

        _muon.Step(workers, learningRate * Options.Muon.MatrixLearningRateFactor, Options.WeightDecay, gradientScale, clearGradients);
        StepCount++;

        static void RequireFinite(double value, string name)
        {
            if (!(value >= 0 && double.IsFinite(value))) throw new ArgumentOutOfRangeException(name, value, "expected a finite number that is not negative");
        }
    }

    /// <summary>Frees the state.</summary>
    public void Dispose()
    {
        foreach (TrainedParameter state in _trained) state.Dispose();
        _muon.Dispose();
    }

    // One row where that is possible: the elements don't see each other, and short rows would cost.
    private static Matrix? Flat(Tensor? tensor) =>
        tensor is null ? null : tensor.Shape.Count <= int.MaxValue ? tensor.AsMatrix(1, (int)tensor.Shape.Count) : tensor.AsMatrix();
}
