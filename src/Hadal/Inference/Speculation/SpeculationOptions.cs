using Hadal.Models;

namespace Hadal.Inference;

/// <summary>
/// Speculative decoding (Leviathan et al. 2023, 2211.17192): tokens are drafted cheaply and verified by the model several at a time. What is
/// drawn is the same to the token with and without; see <see cref="Sampler"/> for why that holds for sampling too.
/// </summary>
public sealed record SpeculationOptions
{
    private SpeculationOptions()
    {
    }

    /// <summary>
    /// Drafts by the model's own multi-token-prediction module (DeepSeek-V3, 2412.19437, sections 2.2 and 5.4.3); further tokens by the first
    /// module on its own output.
    /// </summary>
    public static SpeculationOptions Modules { get; } = new() { UsesModules = true, DraftTokens = 1 };

    /// <summary>Drafts what followed the last few tokens where they stood before in the sequence (Saxena 2023, prompt lookup decoding).</summary>
    public static SpeculationOptions PromptLookup { get; } = new() { DraftTokens = 5 };

    /// <summary>Drafts by a small model with the same tokenizer.</summary>
    /// <param name="model">The small model; it must outlive the engine.</param>
    public static SpeculationOptions DraftModel(Transformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new SpeculationOptions { Model = model, DraftTokens = 4 };
    }

    /// <summary>Most tokens that are drafted at a time.</summary>
    public int DraftTokens { get; init; }

    /// <summary>Whether fewer are drafted, or none for a while, where few are accepted.</summary>
    public bool IsAdaptive { get; init; } = true;

    internal bool UsesModules { get; private init; }

    internal Transformer? Model { get; private init; }

    /// <summary>Makes the drafter for a model.</summary>
    /// <exception cref="ArgumentException">The model has no prediction modules, or a number makes no sense.</exception>
    internal Drafter CreateDrafter(Transformer model, PagePool pool, EngineOptions options, Autograd.Graph graph)
    {
        if (UsesModules && model.Modules.Count == 0)
        {
            throw new ArgumentException("the model has no multi-token-prediction module to draft with, expected num_nextn_predict_layers of 1 or more");
        }

        if (UsesModules) return new ModuleDrafter(model, graph, options.Form);
        return Model is { } draftModel ? new ModelDrafter(model, draftModel, pool, options, graph.Workers) : new LookupDrafter(model);
    }
}
