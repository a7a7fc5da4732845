using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Parity;

/// <summary>Compares logits, hidden states, attention outputs and routes with saved ones, as the forward pass produces them.</summary>
internal sealed class ForwardParity(Transformer model, SavedResults saved, double tolerance)
{
    private readonly List<ParityRow> _rows = [];
    private readonly Dictionary<string, int[]> _experts = [];

    public static ParityReport Run(Transformer model, string path, double tolerance, MlaForm? form, WorkerPool workers)
    {
        using SavedResults saved = new(path);
        TokenBatch batch = TokenBatch.Of(saved.ReadBatch(model.Config));
        using Graph g = new(workers, recording: false);
        ForwardParity parity = new(model, saved, tolerance);
        Tensor hidden = model.Forward(g, batch, form, parity.Compare);
        parity.CompareLogits("logits", g, hidden);
        if (model.Modules.Count > 0 && saved.Unread.Any(name => name.StartsWith("mtp.", StringComparison.Ordinal)))
        {
            saved.RequireTokensForModules(batch, model.Modules.Count);
            IReadOnlyList<ModulePrediction> depths = model.PredictFurther(g, hidden, batch, parity.Compare);
            for (int d = 0; d < depths.Count; d++) parity.CompareLogits(d == 0 ? "mtp.logits" : $"mtp.{d}.logits", g, depths[d].Hidden);
        }

        return new ParityReport(parity._rows, saved.Unread);
    }

    private void CompareLogits(string name, Graph g, Tensor hidden)
    {
        if (!saved.Has(name)) return;
        Tensor logits = model.Logits(g, hidden);
        if (saved.TryReadFloats(name, logits.Shape.Count) is { } expected)
        {
            _rows.Add(Differences.Logits(name, logits.Span, expected, model.Config.VocabSize, tolerance));
        }
    }

    private void Compare(string name, Tensor value)
    {
        if (name.EndsWith(".topk_indices", StringComparison.Ordinal)) CompareExperts(name, value);
        else if (name.EndsWith(".topk_weights", StringComparison.Ordinal)) CompareWeights(name, value);
        else if (saved.TryReadFloats(name, value.Shape.Count) is { } expected)
        {
            _rows.Add(Differences.MaxAbsolute(name, value.Span, expected, tolerance, scaled: true));
        }
    }

    private void CompareExperts(string name, Tensor value)
    {
        _experts[name] = value.Integers().ToArray();
        if (!saved.Has(name)) return;
        _rows.Add(Differences.Sets(name, _experts[name], saved.ReadIntegers(name, value.Shape.Count), value.Shape.Last));
    }

    // The order within a token is the implementation's own: weights are compared expert by expert.
    private void CompareWeights(string name, Tensor value)
    {
        string indices = name.Replace("topk_weights", "topk_indices", StringComparison.Ordinal);
        if (!saved.Has(indices) || saved.TryReadFloats(name, value.Shape.Count) is not { } expected) return;
        int[] theirs = saved.ReadIntegers(indices, value.Shape.Count), ours = _experts[indices];
        float[] found = new float[expected.Length];
        int topK = value.Shape.Last;
        for (int i = 0; i < found.Length; i++)
        {
            int row = i / topK * topK, k = Array.IndexOf(ours, theirs[i], row, topK);
            found[i] = k < 0 ? float.NaN : value.Span[k];
        }

        _rows.Add(Differences.MaxAbsolute(name, found, expected, tolerance, scaled: true));
    }
}
