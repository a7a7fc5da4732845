using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>
/// A language model: DeepSeek V2 or V3, Qwen2 or Llama. The same code trains, evaluates and decodes; whether it records is the graph's
/// business and whether it caches is the batch's. Weights are only read by a forward pass, so many sessions can share a model.
/// </summary>
public sealed class Transformer : IDisposable
{
    private readonly List<Parameter> _parameters = [];
    private readonly float[] _inverseFrequencies;
    private readonly float _amplitude;
    private readonly RotaryLayout _layout;

    /// <summary>Describes the model; its parameters get memory when they are loaded or initialised.</summary>
    public Transformer(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
        ParameterScope root = new(_parameters, ""), model = root.In("model"), layers = model.In("layers");
        Shape table = new(config.VocabSize, config.HiddenSize);
        Embedding = model.Declare("embed_tokens.weight", table, ParameterKind.Embedding);
        Layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(l => new TransformerLayer(layers.In($"{l}"), config, l, $"layers.{l}"))];
        FinalNorm = model.Norm("norm", config.HiddenSize);
        Head = config switch
        {
            { IsScorer: true } => root.Declare("score.weight", new Shape(1, config.HiddenSize), ParameterKind.Head),
            { TieWordEmbeddings: true } => Embedding,
            _ => root.Declare("lm_head.weight", table, ParameterKind.Head),
        };
        MainParameterCount = _parameters.Count;
        if (config is DeepSeekConfig deepSeek)
        {
            // In checkpoints the modules follow the last layer, as layers num_hidden_layers, num_hidden_layers + 1, ...
            Modules = [.. Enumerable.Range(0, deepSeek.NumNextnPredictLayers).Select(k => new MultiTokenPrediction(
                layers.In($"{config.NumHiddenLayers + k}"), deepSeek, config.NumHiddenLayers + k, k == 0 ? "mtp" : $"mtp.{k}"))];
        }

        (int dim, _layout) = config switch
        {
            DeepSeekConfig d => (d.QkRopeHeadDim, d.RopeInterleave ? RotaryLayout.Interleaved : RotaryLayout.HalfSplit),
            _ => (((DenseConfig)config).HeadDim, RotaryLayout.HalfSplit),
        };
        _inverseFrequencies = RotaryFrequencies.Inverse(config.Rope, dim);
        _amplitude = RotaryFrequencies.Amplitude(config.Rope);
    }

    /// <summary>What config.json says.</summary>
    public ModelConfig Config { get; }

    /// <summary>Token embedding, [vocabulary, hidden].</summary>
    public Parameter Embedding { get; }

    /// <summary>The layers in order.</summary>
    public IReadOnlyList<TransformerLayer> Layers { get; }

    /// <summary>The norm after the last layer.</summary>
    public Parameter FinalNorm { get; }

    /// <summary>Output head, [vocabulary, hidden]; the embedding itself where the two are tied. Of a reward model, [1, hidden].</summary>
    public Parameter Head { get; }

    /// <summary>Multi-token-prediction modules, nearest first.</summary>
    public IReadOnlyList<MultiTokenPrediction> Modules { get; } = [];

    /// <summary>All layers with experts, those of the prediction modules last.</summary>
    public IReadOnlyList<DeepSeekMoE> ExpertLayers =>
        [.. Layers.Concat(Modules.Select(module => module.Layer)).Select(layer => layer.FeedForward).OfType<DeepSeekMoE>()];

    /// <summary>All parameters in the order of the forward pass, each once.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The arrays in which <see cref="Parameters"/> are held.</summary>
    internal IEnumerable<Parameter> HeldArrays => _parameters.SelectMany(parameter => parameter.Held);

    /// <summary>How many of <see cref="Parameters"/>, from the first, are the main model's rather than the modules'.</summary>
    internal int MainParameterCount { get; }

    /// <summary>Computes the hidden states of a batch; its caches take the new tokens in.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="batch">The tokens.</param>
    /// <param name="form">Form of latent attention; by default expanded without caches and absorbed with them.</param>
    /// <param name="probe">Sees intermediate results.</param>
    /// <param name="balance">Notes how the experts are used.</param>
    /// <returns>[tokens, hidden], after the last norm.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A token id is not in the vocabulary.</exception>
    public Tensor Forward(Graph g, TokenBatch batch, MlaForm? form = null, ForwardProbe? probe = null, ExpertBalance? balance = null)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(batch);
        for (int s = 0; s < batch.Caches.Count; s++) batch.Caches[s].Reserve(batch.Sequences[s].Count);
        ForwardPass pass = Begin(g, batch, form ?? (batch.Caches.Count == 0 ? MlaForm.Expanded : MlaForm.Absorbed), probe, balance);

        Tensor x = g.Rows(Embedding.Value, batch.IdArray); // [tokens, hidden]
        probe?.Invoke("hidden_states.0", x);
        for (int l = 0; l < Layers.Count; l++)
        {
            x = Layers[l].Forward(g, x, pass);             // [tokens, hidden]
            probe?.Invoke($"hidden_states.{l + 1}", x);
        }

        x = g.RmsNorm(x, FinalNorm.Value, Config.RmsNormEps);
        probe?.Invoke("final_norm", x);
        for (int s = 0; s < batch.Caches.Count; s++) batch.Caches[s].Advance(batch.Sequences[s].Count);
        return x;
    }

    /// <summary>Scores of every token id after each hidden state.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="hidden">[rows, hidden], normed; pick the rows that matter first, with <see cref="RowsOperation.Rows"/>.</param>
    /// <returns>[rows, vocabulary], of a reward model [rows, 1].</returns>
    public Tensor Logits(Graph g, Tensor hidden) => g.Linear(hidden, Head.Value, precision: g.Precision.WithoutF8());

    /// <summary>
    /// The prediction of the multi-token-prediction modules: at depth k position i of a sequence predicts token i + k + 1.
    /// </summary>
    /// <param name="g">The graph.</param>
    /// <param name="hidden">The result of <see cref="Forward"/> on the same batch.</param>
    /// <param name="batch">Whole sequences, nothing cached.</param>
    /// <param name="probe">Sees intermediate results.</param>
    /// <param name="balance">Notes how the experts are used.</param>
    /// <returns>
    /// One for each depth k = 1, 2, ... with the first n - k tokens of every sequence of n; sequences of k tokens or fewer are not in it,
    /// and where all are too short the list ends.
    /// </returns>
    /// <exception cref="ArgumentException">The batch has caches.</exception>
    public IReadOnlyList<ModulePrediction> PredictFurther(
        Graph g, Tensor hidden, TokenBatch batch, ForwardProbe? probe = null, ExpertBalance? balance = null)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Caches.Count > 0) throw new ArgumentException("prediction modules need uncached sequences", nameof(batch));
        List<ModulePrediction> depths = [];
        TokenBatch previous = batch;
        int[] rows = [.. Enumerable.Range(0, batch.Count)];
        foreach (MultiTokenPrediction module in Modules)
        {
            // Row i of this depth: the previous depth's state at i, and the token at i + depth.
            int depth = depths.Count + 1;
            SequenceRows[] remaining = [.. previous.Sequences.Where(s => s.Count > 1)];
            if (remaining.Length == 0) break;
            TokenBatch tokens = TokenBatch.Of([.. remaining.Select(s => previous.IdArray[s.Start..(s.Start + s.Count - 1)])]);
            int[] states = [.. remaining.SelectMany(s => Enumerable.Range(s.Start, s.Count - 1))];
            rows = [.. states.Select(state => rows[state])];
            int[] next = [.. rows.Select(row => batch.IdArray[row + depth])];
            ForwardPass pass = Begin(g, tokens, MlaForm.Expanded, probe, balance);
            (hidden, Tensor normed) = module.Forward(g, g.Rows(hidden, states), g.Rows(Embedding.Value, next), pass);
            probe?.Invoke(depth == 1 ? "mtp.hidden" : $"mtp.{depth - 1}.hidden", hidden);
            depths.Add(new ModulePrediction(depth, normed, tokens, rows));
            previous = tokens;
        }

        return depths;
    }

    /// <summary>Runs the first multi-token-prediction module on cached sequences; its rows go to their pages, which must be reserved.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="hidden">
    /// For each row the state at its position i, [rows, hidden]: the result of <see cref="Forward"/>, or for tokens further on that of this method.
    /// </param>
    /// <param name="next">For each row the token at i + 1, and i as its position; the pool of its caches has a layer for the module.</param>
    /// <param name="form">Form of latent attention.</param>
    /// <returns>What the module continues from, and what goes to <see cref="Logits"/> to predict token i + 2: [rows, hidden] each.</returns>
    internal (Tensor Hidden, Tensor Normed) ForwardModule(Graph g, Tensor hidden, TokenBatch next, MlaForm form) =>
        Modules[0].Forward(g, hidden, g.Rows(Embedding.Value, next.IdArray), Begin(g, next, form, probe: null, balance: null));

    /// <summary>Gives every parameter fresh memory: matrices normal with the configured deviation, norms 1, biases 0.</summary>
    /// <param name="seed">The same seed gives the same weights.</param>
    /// <param name="matrixType">
    /// How matrices are held (<see cref="MatrixTypes.For"/>): the same draw, rounded. At no time more than one array is in F32 beside it.
    /// </param>
    /// <exception cref="ArgumentException">Matrices can't be held in that type.</exception>
    public void Initialise(int seed, ElementType matrixType = ElementType.F32)
    {
        MatrixTypes.Require(matrixType);
        Random random = new(seed);
        using WorkerPool workers = new(matrixType.IsBlocked() ? 0 : 1);
        foreach (Parameter parameter in _parameters)
        {
            Tensor value = Tensor.Create(parameter.Shape, requiresGradient: parameter.IsTrainable);
            if (parameter.Kind == ParameterKind.Norm) value.Span.Fill(1);
            else if (parameter.IsMatrix) FillNormal(value.AsMatrix(), Config.InitializerRange, random);
            parameter.Assign(value);
            Hold(parameter, matrixType, workers);
        }
    }

    /// <summary>
    /// Holds the matrices of a loaded model in another type, array by array (<see cref="MatrixTypes.For"/>). Gradients, always F32, are
    /// dropped; what is held in blocks no longer trains.
    /// </summary>
    /// <exception cref="ArgumentException">Matrices can't be held in that type, or a weight that is to go into blocks is not finite.</exception>
    /// <exception cref="InvalidOperationException">The model was described but not loaded or initialised.</exception>
    public void HoldMatricesAs(ElementType matrixType)
    {
        MatrixTypes.Require(matrixType);
        using WorkerPool workers = new(matrixType.IsBlocked() ? 0 : 1);
        foreach (Parameter parameter in _parameters)
        {
            if (parameter.IsMatrix) Hold(parameter, matrixType, workers);
        }
    }

    /// <summary>Frees the memory of all parameters.</summary>
    public void Dispose()
    {
        foreach (Parameter parameter in _parameters) parameter.Free();
    }

    private ForwardPass Begin(Graph g, TokenBatch batch, MlaForm form, ForwardProbe? probe, ExpertBalance? balance) =>
        ForwardPass.Begin(g, batch, _inverseFrequencies, _amplitude, _layout, form, probe, balance);

    private static void Hold(Parameter parameter, ElementType wanted, WorkerPool workers)
    {
        IReadOnlyList<(Parameter Array, ElementType Type)> arrays = MatrixTypes.Arrays(parameter, wanted);
        try
        {
            if (arrays.Count == 1 && parameter.Held.Count == 1) Convert(parameter, arrays[0].Type, workers);
            else parameter.LatentUp!.HoldAs(workers, arrays);
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"parameter {parameter.Name} can't be held as {wanted}: {e.Message}", nameof(wanted), e);
        }
    }

    private static void Convert(Parameter parameter, ElementType type, WorkerPool workers)
    {
        Tensor old = parameter.Value;
        if (old.ElementType == type) return;
        Tensor value = Tensor.Create(old.Shape, type, old.RequiresGradient && !type.IsBlocked());
        try
        {
            Elementwise.Copy(workers, old.AsMatrix(), value.AsMatrix());
        }
        catch
        {
            value.Dispose();
            throw;
        }

        parameter.Assign(value);
    }

    // Box and Muller 1958.
    private static void FillNormal(Matrix values, float deviation, Random random)
    {
        for (int r = 0; r < values.Rows; r++)
        {
            foreach (ref float value in values.Row(r))
            {
                double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
                value = (float)(deviation * radius * Math.Cos(2 * Math.PI * random.NextDouble()));
            }
        }
    }
}
