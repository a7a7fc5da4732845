using System.Text.Json;

namespace Hadal.Tokenization.Templates;

/// <summary>What a template reads besides the messages, and what rendering may cost.</summary>
public sealed record ChatTemplateOptions
{
    /// <summary>No tokens, tools or variables.</summary>
    public static ChatTemplateOptions Default { get; } = new();

    /// <summary>Options with the tokens that start and end a sequence of a tokenizer.</summary>
    public static ChatTemplateOptions Of(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return new ChatTemplateOptions
        {
            BosToken = tokenizer.BosId is { } bos ? tokenizer.IdToToken(bos) : null,
            EosToken = tokenizer.EosIds.Count > 0 ? tokenizer.IdToToken(tokenizer.EosIds[0]) : null,
        };
    }

    /// <summary>The text of the token that starts a sequence: <c>bos_token</c>; undefined to the template if null.</summary>
    public string? BosToken { get; init; }

    /// <summary>The text of the token that ends a sequence: <c>eos_token</c>; undefined to the template if null.</summary>
    public string? EosToken { get; init; }

    /// <summary>The tools that the assistant may call: <c>tools</c>; none to the template if null, as with Hugging Face.</summary>
    public IReadOnlyList<JsonElement>? Tools { get; init; }

    /// <summary>
    /// A JSON object whose members become variables, such as <c>{"enable_thinking": false}</c>; they replace variables of the same name.
    /// </summary>
    public JsonElement? Variables { get; init; }

    /// <summary>The time that <c>strftime_now</c> tells.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>
    /// Steps that a rendering may take: one for each expression, statement, and four characters copied. The default is enough for a
    /// conversation of a million tokens, and takes a few seconds at most.
    /// </summary>
    public long MaxSteps { get; init; } = 25_000_000;

    /// <summary>Characters that the output, or any text on the way to it, may have.</summary>
    public int MaxLength { get; init; } = 16_000_000;
}
