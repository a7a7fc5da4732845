using System.Globalization;
using Hadal.Inference;

namespace Hadal.Cli.Chat;

/// <summary>How answers are drawn; every answer draws with a seed of its own, counted from the first.</summary>
internal sealed class ChatSettings(SamplingOptions sampling, int? maxTokens)
{
    private long _answers;

    public int? MaxTokens { get; private set; } = maxTokens;

    /// <summary>What stands now, as /set takes it.</summary>
    public string Text => string.Create(
        CultureInfo.InvariantCulture,
        $"temperature={sampling.Temperature} top_p={sampling.TopP} top_k={sampling.TopK} min_p={sampling.MinP} repetition_penalty={sampling.RepetitionPenalty} presence_penalty={sampling.PresencePenalty} frequency_penalty={sampling.FrequencyPenalty} seed={sampling.Seed} max_tokens={MaxTokens ?? 0}");

    /// <summary>Options for the next answer.</summary>
    public SamplingOptions Next() => sampling with { Seed = unchecked(sampling.Seed + _answers++) };

    /// <summary>Changes a setting, written NAME=VALUE; returns what is wrong with it, or null.</summary>
    public string? Set(string assignment)
    {
        string[] parts = assignment.Split('=', 2, StringSplitOptions.TrimEntries);
        if (parts.Length != 2) return "/set takes NAME=VALUE, for example /set temperature=0.6";
        if (!double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double value)) return $"'{parts[1]}' is no number";
        bool isWhole = value == Math.Floor(value) && Math.Abs(value) < int.MaxValue;
        if (parts[0] is "top_k" or "seed" or "max_tokens" && !isWhole) return $"{parts[0]} takes a whole number";
        SamplingOptions? changed = parts[0] switch
        {
            "temperature" => sampling with { Temperature = (float)value },
            "top_p" => sampling with { TopP = (float)value },
            "top_k" => sampling with { TopK = (int)value },
            "min_p" => sampling with { MinP = (float)value },
            "repetition_penalty" => sampling with { RepetitionPenalty = (float)value },
            "presence_penalty" => sampling with { PresencePenalty = (float)value },
            "frequency_penalty" => sampling with { FrequencyPenalty = (float)value },
            "seed" => sampling with { Seed = (long)value },
            "max_tokens" when value >= 0 => sampling,
            _ => null,
        };
        if (changed is null) return $"'{assignment}' is no setting, expected one of {Text}";
        try
        {
            changed.Validate();
        }
        catch (ArgumentOutOfRangeException e)
        {
            return $"{parts[0]}={parts[1]} makes no sense: {e.Message.Split(" (", 2)[0].Split('\n')[0]}";
        }

        sampling = changed;
        if (parts[0] == "seed") _answers = 0;
        if (parts[0] == "max_tokens") MaxTokens = value == 0 ? null : (int)value;
        return null;
    }
}
