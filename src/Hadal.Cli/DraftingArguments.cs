using System.CommandLine;
using Hadal.Cli.Commands;
using Hadal.Inference;

namespace Hadal.Cli;

/// <summary>The --speculate and --draft-tokens options of the verbs that generate text; the second goes with the first.</summary>
internal sealed class DraftingArguments
{
    private readonly Option<string?> _speculate = new("--speculate")
    {
        Description = $"Draft tokens and verify several at a time, to the same text: '{DraftSource.Modules}' (the model's own prediction module), '{DraftSource.Lookup}' (what followed the last tokens before), or the folder of a small model with the same tokenizer.",
    };

    private readonly Option<int?> _draftTokens = new("--draft-tokens") { Description = "Most tokens to draft at a time." };

    /// <summary>Adds the options to a verb.</summary>
    public DraftingArguments(Command command)
    {
        _speculate.Require(value => value is not "", $"'{DraftSource.Modules}', '{DraftSource.Lookup}' or a folder");
        _draftTokens.RequireAtLeast(1);
        command.Add(_speculate);
        command.Add(_draftTokens);
        command.Validators.Add(result =>
        {
            if (result.GetValue(_speculate) is null && result.GetResult(_draftTokens) is not null) result.AddError("--draft-tokens goes with --speculate.");
        });
    }

    /// <summary>What is asked for; null for nothing.</summary>
    public (string? Source, int? Tokens) Read(ParseResult parsed) => (parsed.GetValue(_speculate), parsed.GetValue(_draftTokens));

    /// <summary>Prepares what is asked for; null if it is nothing.</summary>
    public DraftSource? Load(ParseResult parsed, LoadedModel loaded) => parsed.GetValue(_speculate) is { } source
        ? DraftSource.Load(source, parsed.GetValue(_draftTokens), loaded.Path, loaded.Model, loaded.Tokenizer, new ReadingProgress().Report)
        : null;
}
