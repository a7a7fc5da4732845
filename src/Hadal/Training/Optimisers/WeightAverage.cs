using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Training;

/// <summary>How weights are averaged over the steps.</summary>
public sealed record WeightAverageOptions
{
    /// <summary>The share of the average that a step keeps, in [0, 1).</summary>
    public double Decay { get; init; } = 0.999;

    /// <summary>
    /// Whether the decay starts small, min(decay, (1 + t) / (10 + t)) at update t, so that the first weights are soon forgotten.
    /// </summary>
    public bool Warmup { get; init; } = true;

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentException">One is out of range; the message names it.</exception>
    public void Validate() => OptimizerOptions.Require(Decay is >= 0 and < 1, nameof(Decay), Decay, "at least 0 and below 1");

    /// <summary>The decay of update <paramref name="update"/>, from 0.</summary>
    public double At(long update) => Warmup ? Math.Min(Decay, (1.0 + update) / (10.0 + update)) : Decay;
}

/// <summary>
/// An exponential moving average of weights, in F32 beside the weights being trained; DeepSeek-V3 keeps one to see early how a model will
/// do after the learning rate has decayed (arXiv 2412.19437, section 3.2.3).
/// </summary>
public sealed class WeightAverage : IDisposable
{
    private readonly Parameter[] _parameters;
    private readonly Tensor[] _sources, _averages;
    private bool _applied;

    /// <summary>Starts with the weights as they are.</summary>
    /// <param name="options">How to average.</param>
    /// <param name="parameters">What to average: those that are trained, and correction biases if they shall go with them.</param>
    /// <param name="weights">Where a parameter's weights are: <see cref="Optimizer.Weights"/> in mixed precision; null for its value.</param>
    /// <param name="workers">Threads.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public WeightAverage(
        WeightAverageOptions options, IEnumerable<Parameter> parameters, WorkerPool workers, Func<Parameter, Tensor>? weights = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        Options = options;
        _parameters = [.. parameters];
        _sources = [.. _parameters.Select(weights ?? (p => p.Value))];
        _averages = [.. _parameters.Select(p => Tensor.Create(p.Shape))];
        for (int i = 0; i < _averages.Length; i++) Elementwise.Copy(workers, _sources[i].AsMatrix(), _averages[i].AsMatrix());
    }

    /// <summary>How it averages.</summary>
    public WeightAverageOptions Options { get; }

    /// <summary>Updates made. Set it after the state was restored.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public long UpdateCount
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>The averages, live, under fixed names: write into them to restore.</summary>
    public IEnumerable<(string Name, Tensor Value)> State =>
        _parameters.Zip(_averages, (parameter, average) => ($"{parameter.Name}.average", average));

    /// <summary>Bytes of the averages of parameters that need not have memory yet.</summary>
    public static long StateBytes(IEnumerable<Parameter> parameters) => parameters.Sum(parameter => checked(parameter.Count * sizeof(float)));

    /// <summary>Takes the weights in: average = d average + (1 - d) weights. Call it after each step.</summary>
    /// <exception cref="InvalidOperationException">The averages are applied: what would be averaged are they themselves.</exception>
    public void Update(WorkerPool workers)
    {
        RequireNotApplied();
        double share = 1 - Options.At(UpdateCount);
        for (int i = 0; i < _averages.Length; i++) MovingAverage.Update(workers, _sources[i].AsMatrix(), share, _averages[i].AsMatrix());
        UpdateCount++;
    }

    /// <summary>Writes the averages into the values of parameters of the same names and shapes, rounded where those are BF16.</summary>
    /// <param name="workers">Threads.</param>
    /// <param name="parameters">Of another model, or of this one; all that are averaged must be among them.</param>
    /// <exception cref="ArgumentException">One is missing or has another shape; nothing was written.</exception>
    public void CopyTo(WorkerPool workers, IEnumerable<Parameter> parameters)
    {
        Dictionary<string, Parameter> targets = parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        foreach (Parameter parameter in _parameters)
        {
            if (!targets.TryGetValue(parameter.Name, out Parameter? target) || target.Shape != parameter.Shape)
            {
                string found = target is null ? "none" : $"{target.Shape}";
                throw new ArgumentException($"expected a parameter {parameter.Name} of shape {parameter.Shape}, found {found}.", nameof(parameters));
            }
        }

        for (int i = 0; i < _averages.Length; i++)
        {
            Elementwise.Copy(workers, _averages[i].AsMatrix(), targets[_parameters[i].Name].Value.AsMatrix());
        }
    }

    /// <summary>
    /// Puts the averages into the model until the result is disposed, which brings the weights back bit by bit; they are kept in memory of
    /// the values' size meanwhile. Neither step nor update may happen in between.
    /// </summary>
    /// <exception cref="InvalidOperationException">They are applied already.</exception>
    public IDisposable Applied(WorkerPool workers)
    {
        RequireNotApplied();
        Application application = new(this, workers);
        CopyTo(workers, _parameters);
        _applied = true;
        return application;
    }

    /// <summary>Frees the averages.</summary>
    public void Dispose()
    {
        foreach (Tensor average in _averages) average.Dispose();
    }

    private void RequireNotApplied()
    {
        if (_applied) throw new InvalidOperationException("the averages are applied to the model; end that first");
    }

    private sealed class Application : IDisposable
    {
        private readonly WeightAverage _owner;
        private readonly WorkerPool _workers;
        private readonly Tensor[] _kept;
        private bool _ended;

        public Application(WeightAverage owner, WorkerPool workers)
        {
            (_owner, _workers) = (owner, workers);
            _kept = [.. owner._parameters.Select(parameter => Tensor.Create(parameter.Shape, parameter.Value.ElementType))];
            for (int i = 0; i < _kept.Length; i++) Elementwise.Copy(workers, owner._parameters[i].Value.AsMatrix(), _kept[i].AsMatrix());
        }

        public void Dispose()
        {
            if (_ended) return;
            _ended = true;
            for (int i = 0; i < _kept.Length; i++)
            {
                Elementwise.Copy(_workers, _kept[i].AsMatrix(), _owner._parameters[i].Value.AsMatrix());
                _kept[i].Dispose();
            }

            _owner._applied = false;
        }
    }
}
