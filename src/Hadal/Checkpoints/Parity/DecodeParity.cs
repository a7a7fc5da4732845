using System.Text.Json;
using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Parity;

/// <summary>Compares greedy continuations, decoded token by token through the cache and recomputed from the start for every token.</summary>
internal static class DecodeParity
{
    public static ParityReport Run(Transformer model, string path, WorkerPool workers)
    {
        (int[] prompt, int[] expected) = Read(path, model.Config);
        return new ParityReport(
            [
                Compare("decode, cached token by token", Cached(model, prompt, expected.Length, workers), expected),
                Compare("decode, recomputed at once", Recomputed(model, prompt, expected.Length, workers), expected),
            ],
            []);
    }

    // A continuation that ended early, on logits that are not numbers, differs in all that is missing.
    private static ParityRow Compare(string name, int[] found, int[] expected) =>
        new(name, "ids that differ", expected.Length - found.Zip(expected).Count(pair => pair.First == pair.Second), 0);

    private static int[] Cached(Transformer model, int[] prompt, int count, WorkerPool workers)
    {
        using Graph g = new(workers, recording: false);
        using KvCache cache = new(model.Config);
        List<int> ids = [.. prompt];
        while (ids.Count < prompt.Length + count)
        {
            int next = BestNext(g, model, TokenBatch.Continue([[ids[cache.Length]]], [cache]));
            if (next < 0) break;
            if (cache.Length == ids.Count) ids.Add(next);
        }

        return [.. ids.Skip(prompt.Length)];
    }

    private static int[] Recomputed(Transformer model, int[] prompt, int count, WorkerPool workers)
    {
        using Graph g = new(workers, recording: false);
        List<int> ids = [.. prompt];
        while (ids.Count < prompt.Length + count)
        {
            int next = BestNext(g, model, TokenBatch.Of([.. ids]));
            if (next < 0) break;
            ids.Add(next);
        }

        return [.. ids.Skip(prompt.Length)];
    }

    // -1 if no token is best, because a logit is not a number.
    private static int BestNext(Graph g, Transformer model, TokenBatch batch)
    {
        Tensor last = g.Rows(model.Forward(g, batch), [batch.Count - 1]); // [1, hidden]
        int best = Differences.ArgMax(model.Logits(g, last).Span);
        g.Reset();
        return best;
    }

    private static (int[] Prompt, int[] Continuation) Read(string path, ModelConfig config)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return (Ids(document.RootElement, "prompt", "prompt_ids"), Ids(document.RootElement, "continuation", "greedy_ids"));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new CheckpointException(path, "it is not JSON of that kind, expected an object with 'prompt' and 'continuation', arrays of token ids", e);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(path, "read", e);
        }

        int[] Ids(JsonElement root, string name, string otherName)
        {
            bool found = root.TryGetProperty(name, out JsonElement array) || root.TryGetProperty(otherName, out array);
            int[] ids = found ? [.. array.EnumerateArray().Select(item => item.GetInt32())] : [];
            if (ids.Length == 0) throw new CheckpointException(path, $"there is no '{name}', expected an array of token ids");
            int wrong = Array.FindIndex(ids, id => id < 0 || id >= config.VocabSize);
            return wrong < 0
                ? ids
                : throw new CheckpointException(path, $"'{name}' has {ids[wrong]} at {wrong}, expected ids below vocab_size, {config.VocabSize}");
        }
    }
}
