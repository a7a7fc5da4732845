using System.CommandLine;
using Hadal.Inference;

namespace Hadal.Cli.Commands;

/// <summary>The options that say how tokens are drawn, for the verbs that draw some.</summary>
internal sealed class SamplingArguments
{
    private readonly Option<float> _temperature, _topP;
    private readonly Option<int> _topK = new("--top-k") { Description = "Draw from the best so many tokens; 0 from all." };

    /// <param name="temperature">The temperature by default.</param>
    /// <param name="topP">The joint probability by default.</param>
    public SamplingArguments(float temperature, float topP)
    {
        _temperature = new Option<float>("--temperature") { Description = "Divides the logits; 0 takes the best token.", DefaultValueFactory = _ => temperature };
        _topP = new Option<float>("--top-p") { Description = "Draw from the best tokens of this joint probability.", DefaultValueFactory = _ => topP };
        _temperature.Require(value => value >= 0 && float.IsFinite(value), "a number from 0 on");
        _topK.RequireAtLeast(0);
        _topP.Require(value => value is > 0 and <= 1, "a number above 0, up to 1");
    }

    /// <summary>Makes them options of a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(_temperature);
        command.Options.Add(_topK);
        command.Options.Add(_topP);
    }

    /// <summary>What was given.</summary>
    public SamplingOptions Read(ParseResult parsed, long seed) => new()
    {
        Temperature = parsed.GetValue(_temperature),
        TopK = parsed.GetValue(_topK),
        TopP = parsed.GetValue(_topP),
        Seed = seed,
    };
}
