using System.Text.Json;
using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Parity;

/// <summary>
/// Compares the loss and its gradient for every parameter. The loss is the training objective without balance losses: the mean cross
/// entropy of each token given those before it, plus λ times the mean of the prediction modules'.
/// </summary>
internal static class GradientParity
{
    private const double DefaultModuleWeight = 0.3;

    public static ParityReport Run(Transformer model, string idsPath, string gradientsPath, double lossTolerance, double gradientTolerance, WorkerPool workers)
    {
        using SavedResults input = new(idsPath), gradients = new(gradientsPath);
        TokenBatch batch = TokenBatch.Of(input.ReadBatch(model.Config));
        if (model.Modules.Count > 0) input.RequireTokensForModules(batch, model.Modules.Count);
        using Graph g = new(workers, recording: true);
        foreach (Parameter parameter in model.Parameters) parameter.Value.ZeroGradient();
        Tensor loss = Loss(g, model, batch, (float)ModuleWeight(gradientsPath));
        List<ParityRow> rows = [];
        if (gradients.TryReadFloats("loss", 1) is { } expectedLoss)
        {
            rows.Add(Differences.MaxAbsolute("loss", loss.Span, expectedLoss, lossTolerance, scaled: true));
        }

        g.Backward(loss);
        foreach (StoredTensor stored in CheckpointMap.Required(model))
        {
            if (gradients.TryReadFloats(stored.Name, stored.Shape.Count) is not { } expected) continue;

            // An expert that no token took has no gradient yet: that is zero.
            ReadOnlySpan<float> found = stored.Parameter.Value.Gradient is { } gradient
                ? gradient.Buffer.AsSpan<float>(stored.Offset, expected.Length)
                : new float[expected.Length];
            rows.Add(Differences.RelativeL2($"grad {stored.Name}", found, expected, gradientTolerance));
        }

        if (rows.Count == 0)
        {
            throw new CheckpointException(
                gradientsPath, "no tensor in it is the gradient of a parameter of this model, expected names as in its checkpoint");
        }

        return new ParityReport(rows, [.. gradients.Unread.Select(name => $"grad {name}")]);
    }

    public static Tensor Loss(Graph g, Transformer model, TokenBatch tokens, float moduleWeight)
    {
        TrainingBatch batch = TrainingBatch.Within(tokens);
        ObjectiveOptions options = new() { MtpWeight = moduleWeight, Balance = BalanceWeights.None };
        return TrainingObjective.Build(g, model, batch, TargetTotals.Of(batch, model.Modules.Count), options).Loss;
    }

    // Beside the gradients may lie a JSON file of the same name that tells λ.
    private static double ModuleWeight(string gradientsPath)
    {
        string notes = Path.ChangeExtension(gradientsPath, ".json");
        if (!File.Exists(notes)) return DefaultModuleWeight;
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(notes));
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("mtp_lambda", out JsonElement weight)
                ? weight.GetDouble()
                : DefaultModuleWeight;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new CheckpointException(notes, "mtp_lambda can't be read, expected a JSON object with a number of that name", e);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(notes, "read", e);
        }
    }
}
