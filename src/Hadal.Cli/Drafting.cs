using System.CommandLine;
using Hadal.Checkpoints;
using Hadal.Cli.Commands;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Tokenization;

namespace Hadal.Cli;

/// <summary>Where speculative decoding takes its drafts from, as the verbs that generate text are told.</summary>
internal sealed class Drafting : IDisposable
{
    private const string Modules = "mtp", Lookup = "lookup";

    private readonly Transformer? _draftModel;

    private Drafting(LoadedModel loaded, string speculate, int? draftTokens)
    {
        if (speculate is not (Modules or Lookup))
        {
            RequireSameTokens(loaded, Tokenizer.Load(speculate), speculate);
            _draftModel = ModelReader.Read(speculate, progress: new ReadingProgress().Report);
        }

        if (speculate == Modules && loaded.Model.Modules.Count == 0)
        {
            throw new CheckpointException(loaded.Path, $"the model has no multi-token-prediction module, expected one for --speculate {Modules}");
        }

        SpeculationOptions options = speculate switch
        {
            Modules => SpeculationOptions.Modules,
            Lookup => SpeculationOptions.PromptLookup,
            _ => SpeculationOptions.DraftModel(_draftModel!),
        };
        Options = draftTokens is { } count ? options with { DraftTokens = count } : options;
    }

    public SpeculationOptions Options { get; }

    /// <summary>Prepares what the options ask for; null if they ask for nothing.</summary>
    /// <exception cref="CheckpointException">The model has no prediction module, or the draft model can't be read.</exception>
    /// <exception cref="TokenizerException">The draft model has other tokens.</exception>
    public static Drafting? Create(LoadedModel loaded, string? speculate, int? draftTokens) => speculate is null ? null : new Drafting(loaded, speculate, draftTokens);

    /// <summary>The --speculate and --draft-tokens options; the second goes with the first.</summary>
    public static (Option<string?> Speculate, Option<int?> DraftTokens) AddOptions(Command command)
    {
        Option<string?> speculate = new("--speculate")
        {
            Description = $"Draft tokens and verify several at a time, to the same text: '{Modules}' (the model's own prediction module), '{Lookup}' (what followed the last tokens before), or the folder of a small model with the same tokenizer.",
        };
        Option<int?> draftTokens = new("--draft-tokens") { Description = "Most tokens to draft at a time." };
        draftTokens.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() < 1) result.AddError("--draft-tokens takes a number from 1 on.");
        });
        command.Add(speculate);
        command.Add(draftTokens);
        command.Validators.Add(result =>
        {
            if (result.GetValue(speculate) is null && result.GetValue(draftTokens) is not null) result.AddError("--draft-tokens goes with --speculate.");
        });
        return (speculate, draftTokens);
    }

    public void Dispose() => _draftModel?.Dispose();

    private static void RequireSameTokens(LoadedModel loaded, Tokenizer other, string path)
    {
        for (int id = 0; id < Math.Min(loaded.Tokenizer.VocabSize, other.VocabSize); id++)
        {
            if (loaded.Tokenizer.IdToBytes(id).SequenceEqual(other.IdToBytes(id))) continue;
            throw new TokenizerException(
                path, $"token {id} is '{other.IdToToken(id)}', expected '{loaded.Tokenizer.IdToToken(id)}' as in {loaded.Path}, since a draft model needs the same tokenizer");
        }
    }
}
