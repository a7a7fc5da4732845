using Hadal.Autograd;
using Hadal.Data;
using Hadal.Models;
using Hadal.Tokenization;

namespace Hadal.Training;

/// <summary>The mean cross entropy of the main model on text held back from training, always on the same packs.</summary>
internal static class HeldOutLoss
{
    /// <summary>Measures the model as it is now.</summary>
    public static EvaluationMetrics Measure(PreparedRun run, int step)
    {
        int length = run.Recipe.Batch.SequenceLength, packs = run.Recipe.Batch.MicroPacks ?? run.Recipe.Batch.Packs;
        int most = (int)Math.Clamp(run.Recipe.Evaluation.Tokens / length, 1, int.MaxValue);
        using Graph g = new(run.Workers, recording: false) { Precision = run.Recipe.Precision };
        double nats = 0;
        long tokens = 0, bytes = 0;
        foreach (PackedBatch batch in run.Data.HeldOut(packs, length, most))
        {
            Tensor hidden = run.Model.Forward(g, batch.Tokens);                                                  // [tokens, hidden]
            int[] rows = [.. Enumerable.Range(0, batch.Targets.Length).Where(i => batch.Targets[i] >= 0)];
            if (rows.Length == 0) continue;
            int[] targets = [.. rows.Select(i => batch.Targets[i])];
            HeadLoss head = g.HeadCrossEntropy(g.Rows(hidden, rows), run.Model.Head.Value, targets, new float[targets.Length]);
            foreach (float loss in head.CrossEntropies.Span) nats += loss;
            tokens += rows.Length;
            foreach (int target in targets) bytes += run.Tokenizer.IsSpecial(target) ? 0 : run.Tokenizer.IdToBytes(target).Length;
            g.Reset();
        }

        return new EvaluationMetrics { Step = step, Loss = nats / tokens, Tokens = tokens, NatsPerByte = bytes > 0 ? nats / bytes : null };
    }
}
