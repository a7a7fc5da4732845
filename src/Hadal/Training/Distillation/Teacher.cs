using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization;
using Hadal.Tokenization.Formats;

namespace Hadal.Training.Distillation;

/// <summary>A model whose distributions are what the trained one is pulled to, beside the tokens of the data. It does not learn.</summary>
internal sealed class Teacher : IDisposable
{
    private readonly TeacherOptions _options;
    private readonly Transformer _model;
    private readonly Graph _graph;

    /// <summary>Loads a teacher.</summary>
    /// <param name="options">Which, and how much it counts.</param>
    /// <param name="student">The model that learns.</param>
    /// <param name="tokenizer">What the data are written in.</param>
    /// <param name="longest">Tokens of the longest sequence.</param>
    /// <param name="precision">What products do to their factors.</param>
    /// <param name="workers">Threads to use.</param>
    /// <exception cref="RecipeException">The two are not of one vocabulary, or the teacher's context is too short.</exception>
    /// <exception cref="CheckpointException">The model can't be read.</exception>
    public Teacher(TeacherOptions options, ModelConfig student, Tokenizer tokenizer, int longest, ProductPrecision precision, WorkerPool workers)
    {
        _options = options;
        using (Transformer description = ModelReader.Describe(options.Model)) Require(description.Config, student, longest);
        if (TokenizerConversion.HasVocabulary(options.Model)) RequireSame(Tokenizer.Load(options.Model), tokenizer);
        _model = ModelReader.Read(options.Model, precision.WeightType());
        _graph = new Graph(workers, recording: false) { Precision = precision };
    }

    /// <summary>Bytes that the last pass took, beside the weights.</summary>
    public long PassBytes => _graph.LiveBytes + _graph.PooledBytes;

    /// <summary>Adds a micro-batch's share of the divergence to its loss: at each row that has a target, weighted as the target is.</summary>
    /// <param name="g">The graph of the loss.</param>
    /// <param name="student">The model that learns.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="loss">Its loss so far.</param>
    /// <param name="totals">Of all micro-batches of the step.</param>
    /// <returns>The whole loss, and the divergence in it before its weight.</returns>
    public (Tensor Loss, LossSum Divergence) Add(Graph g, Transformer student, TrainingBatch batch, TrainingLoss loss, TargetTotals totals)
    {
        // What the last backward read of the teacher's logits is not needed any more.
        _graph.Reset();
        int[] rows = [.. Enumerable.Range(0, batch.Targets.Count).Where(row => batch.WeightOf(row) != 0)];
        if (rows.Length == 0) return (loss.Loss, default);
        float[] weights = [.. rows.Select(batch.WeightOf)];
        Tensor taught = _model.Logits(_graph, _graph.Rows(_model.Forward(_graph, batch.Tokens), rows));      // [rows, vocabulary]
        Tensor learnt = student.Logits(g, g.Rows(loss.Hidden, rows));                                        // [rows, vocabulary]
        Tensor divergences = _options.JensenShannon is { } beta
            ? g.JensenShannon(learnt, taught, beta, _options.Temperature)
            : g.SoftLabels(learnt, taught, _options.Temperature);                                            // [rows, 1]
        double sum = 0;
        for (int i = 0; i < rows.Length; i++) sum += (double)weights[i] * divergences.Span[i];
        float[] scaled = [.. weights.Select(weight => (float)(weight * _options.Weight / totals.Main))];
        return (g.AddScaled(loss.Loss, g.WeightedSum(divergences, scaled), 1), new LossSum(sum, weights.Sum(weight => (double)weight)));
    }

    /// <summary>Frees what is kept for the next pass.</summary>
    public void Trim()
    {
        _graph.Reset();
        _graph.Trim();
    }

    public void Dispose()
    {
        _graph.Dispose();
        _model.Dispose();
    }

    private void Require(ModelConfig teacher, ModelConfig student, int longest)
    {
        if (teacher.VocabSize != student.VocabSize)
        {
            throw new RecipeException($"{_options.Model}: the teacher has a vocabulary of {teacher.VocabSize}, expected the student's {student.VocabSize}, since their distributions are compared.");
        }

        if (teacher.MaxPositionEmbeddings < longest)
        {
            throw new RecipeException($"{_options.Model}: the teacher has a context of {teacher.MaxPositionEmbeddings} tokens, expected at least the {longest} of the longest sequence.");
        }
    }

    private void RequireSame(Tokenizer teacher, Tokenizer student)
    {
        int least = Math.Min(teacher.VocabSize, student.VocabSize);
        int other = Enumerable.Range(0, least).FirstOrDefault(id => teacher.IdToToken(id) != student.IdToToken(id), least);
        if (other == teacher.VocabSize && other == student.VocabSize) return;
        throw new RecipeException($"{_options.Model}: the teacher's tokenizer differs from the student's at token {other}, expected the same vocabulary.");
    }
}
