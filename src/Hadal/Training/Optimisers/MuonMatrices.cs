using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Training;

/// <summary>
/// Muon for a list of parameters (Keller Jordan 2024; scaled as in Liu et al. 2025, arXiv 2502.16982, algorithm 1): the momentum of each
/// matrix is orthogonalised and added. Stacked experts are one matrix each. Of weights held in BF16 the products are in BF16 too.
/// </summary>
/// <remarks>
/// Small matrices are dealt out to the workers, each whole on one; large ones follow one by one, with all workers on each product. Which
/// is small depends on the shape alone, and products have the same bits on any number of workers.
/// </remarks>
internal sealed class MuonMatrices : IDisposable
{
    // Elements up to which a product keeps a single core better busy than many: 512 x 512, some milliseconds an update.
    private const long SmallMatrix = 512 * 512;

    private readonly MuonOptions _options;
    private readonly Slice[] _small, _large;
    private NativeBuffer?[] _lanes = [];

    public MuonMatrices(OptimizerOptions options, IEnumerable<TrainedParameter> parameters)
    {
        _options = options.Muon;
        ILookup<bool, Slice> slices = parameters.SelectMany(Slices).ToLookup(slice => (long)slice.Rows * slice.Columns <= SmallMatrix);
        (_small, _large) = ([.. slices[true]], [.. slices[false]]);
    }

    /// <summary>Bytes of scratch memory held since the first step.</summary>
    public long HeldBytes => _lanes.Sum(lane => lane?.ByteLength ?? 0);

    /// <summary>Bytes of scratch memory that steps on a number of workers take, for parameters that need not have memory.</summary>
    public static long ScratchBytes(IEnumerable<Parameter> parameters, int workers)
    {
        int matrices = 0;
        long small = 0, large = 0;
        foreach (Parameter parameter in parameters)
        {
            (int count, int rows, int columns) = Matrices(parameter.Shape);
            long elements = ScratchElements(rows, columns);
            if ((long)rows * columns > SmallMatrix) large = Math.Max(large, elements);
            else (matrices, small) = (matrices + count, Math.Max(small, elements));
        }

        int lanes = Math.Min(workers, matrices);
        return sizeof(float) * (Math.Max(large, small) + Math.Max(0, lanes - 1) * small);
    }

    /// <summary>One step.</summary>
    /// <param name="workers">Threads.</param>
    /// <param name="learningRate">η.</param>
    /// <param name="weightDecay">λ of the parameters that decay.</param>
    /// <param name="gradientScale">Factor of the gradients.</param>
    /// <param name="clearGradients">Whether gradients become zero.</param>
    public void Step(WorkerPool workers, double learningRate, double weightDecay, double gradientScale, bool clearGradients)
    {
        Reserve(workers.Count);
        StepNumbers numbers = new(learningRate, weightDecay, gradientScale, clearGradients);
        if (_small.Length > 0)
        {
            SmallMatricesJob job = new(this, workers, numbers, Math.Min(workers.Count, _small.Length));
            workers.Run(ref job, job.Lanes);
        }

        foreach (Slice slice in _large) Update(workers, slice, _lanes[0]!, numbers);
    }

    public void Dispose()
    {
        foreach (NativeBuffer? lane in _lanes) lane?.Dispose();
        _lanes = [];
    }

    private void Update(WorkerPool workers, Slice slice, NativeBuffer lane, StepNumbers numbers)
    {
        TrainedParameter trained = slice.Trained;
        int rows = slice.Rows, columns = slice.Columns;
        Matrix direction = new(lane, ElementType.F32, 0, rows, columns); // [outputs, inputs]
        Matrix scratch = new(lane, ElementType.F32, (long)rows * columns, 1, checked((int)NewtonSchulz.ScratchElements(rows, columns)));
        Tensor value = trained.Parameter.Value;
        MomentumUpdate.Accumulate(
            workers, value.Gradient is { } gradient ? slice.Of(gradient) : null, numbers.GradientScale, _options.Momentum, _options.Nesterov,
            slice.Of(trained.Momentum!), direction, numbers.ClearGradients);
        ProductPrecision precision = trained.Master is null ? ProductPrecision.F32 : ProductPrecision.BF16;
        Matrix orthogonal = NewtonSchulz.Orthogonalise(workers, direction, scratch, _options.NewtonSchulzSteps, precision);
        double rate = numbers.LearningRate * _options.UpdateScale * Math.Sqrt(Math.Max(rows, columns));
        double decay = trained.Decays ? numbers.LearningRate * numbers.WeightDecay : 0;
        MomentumUpdate.Apply(workers, orthogonal, rate, decay, slice.Of(trained.Weights), trained.Master is null ? null : slice.Of(value));
    }

    // Lane 0 also serves the large matrices.
    private void Reserve(int workers)
    {
        int lanes = Math.Max(Math.Min(workers, _small.Length), Math.Min(1, _large.Length));
        if (_lanes.Length >= lanes) return;
        Dispose();
        long small = _small.Select(s => ScratchElements(s.Rows, s.Columns)).DefaultIfEmpty().Max();
        long large = _large.Select(s => ScratchElements(s.Rows, s.Columns)).DefaultIfEmpty().Max();
        _lanes = new NativeBuffer?[lanes];
        for (int i = 0; i < lanes; i++)
        {
            _lanes[i] = new NativeBuffer(sizeof(float) * (i == 0 ? Math.Max(small, large) : small), zeroed: false);
        }
    }

    private static long ScratchElements(int rows, int columns) => (long)rows * columns + NewtonSchulz.ScratchElements(rows, columns);

    private static (int Count, int Rows, int Columns) Matrices(Shape shape) =>
        (shape.Rank == 3 ? shape[0] : 1, shape[shape.Rank - 2], shape.Last);

    private static IEnumerable<Slice> Slices(TrainedParameter trained)
    {
        (int count, int rows, int columns) = Matrices(trained.Parameter.Shape);
        for (int i = 0; i < count; i++) yield return new Slice(trained, i * rows, rows, columns);
    }

    private readonly record struct StepNumbers(double LearningRate, double WeightDecay, double GradientScale, bool ClearGradients);

    /// <summary>One matrix: the rows of its parameter from FirstRow on.</summary>
    private sealed record Slice(TrainedParameter Trained, int FirstRow, int Rows, int Columns)
    {
        public Matrix Of(Tensor tensor) => tensor.AsMatrix().RowRange(FirstRow, Rows);
    }

    /// <summary>A part is a lane: it owns scratch memory and takes every so many-th matrix.</summary>
    private readonly struct SmallMatricesJob(MuonMatrices owner, WorkerPool workers, StepNumbers numbers, int lanes) : IParallelJob
    {
        public int Lanes => lanes;

        // The products inside find the pool at work and stay on this thread.
        public void Execute(int part)
        {
            for (int i = part; i < owner._small.Length; i += lanes) owner.Update(workers, owner._small[i], owner._lanes[part]!, numbers);
        }
    }
}
