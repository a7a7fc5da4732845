using System.Text;
using System.Text.Json;
using Hadal.Tokenization;

namespace Hadal.Inference;

/// <summary>
/// What a generated text has to look like, as sets of tokens that may come next. Immutable: states are values. One constraint may serve any
/// number of sequences on any threads, and remembers for all of them what it found out.
/// </summary>
/// <remarks>
/// Tokens are taken by the bytes they add, so a token may end in the middle of a character. The text may end exactly where it is complete,
/// and where nothing else may follow it does. A vocabulary that lacks bytes may not be able to say what the constraint asks for.
/// </remarks>
public sealed class TokenConstraint
{
    private readonly ConstraintVocabulary _vocabulary;
    private readonly GrammarNode _root;

    private TokenConstraint(ConstraintVocabulary vocabulary, GrammarNode root)
    {
        (_vocabulary, _root) = (vocabulary, root);
        Start = new ConstraintAutomaton(vocabulary, root).Start;
    }

    /// <summary>Before the first token.</summary>
    internal ConstraintState Start { get; }

    /// <summary>Any JSON object (RFC 8259), with bounded white space, numbers that fit 64 bits, and nesting of at most 64.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="endTokens">Tokens that end a text; by default those that the tokenizer names.</param>
    public static TokenConstraint Json(Tokenizer tokenizer, IEnumerable<int>? endTokens = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        Grammar grammar = new();
        JsonGrammar json = new(grammar);
        GrammarNode root = grammar.Sequence(json.Space, json.Object);
        grammar.Measure();
        return new TokenConstraint(new ConstraintVocabulary(tokenizer, endTokens), root);
    }

    /// <summary>JSON that follows a schema of draft 2020-12.</summary>
    /// <remarks>
    /// Known are type, enum, const, properties, required, additionalProperties, items, prefixItems, minItems, maxItems, anyOf, oneOf (read
    /// as anyOf), allOf of one, $ref within the document, $defs, minLength, maxLength, pattern (without look-around and back references),
    /// minimum, maximum, exclusiveMinimum, exclusiveMaximum (integers, where the type is number). format and other annotations are
    /// skipped. Members are written in the schema's order.
    /// </remarks>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="schema">The schema; it is not used after the call.</param>
    /// <param name="endTokens">Tokens that end a text; by default those that the tokenizer names.</param>
    /// <exception cref="JsonSchemaException">The schema is broken, too large, can't be fulfilled, or has a keyword that is not known.</exception>
    public static TokenConstraint JsonSchema(Tokenizer tokenizer, JsonElement schema, IEnumerable<int>? endTokens = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return new TokenConstraint(new ConstraintVocabulary(tokenizer, endTokens), JsonSchemaGrammar.Of(schema));
    }

    /// <summary>
    /// The same, beginning only behind the first occurrence of a marker, such as <c>&lt;/think&gt;</c>; before it anything may come except
    /// the end of the text.
    /// </summary>
    /// <param name="marker">The marker's text, whether it is one token or several.</param>
    /// <exception cref="ArgumentException">The marker is empty.</exception>
    public TokenConstraint After(string marker)
    {
        ArgumentException.ThrowIfNullOrEmpty(marker);
        UntilNode until = new(Encoding.UTF8.GetBytes(marker)) { LeastDepth = 0 };
        return new TokenConstraint(_vocabulary, new SequenceNode([until, _root]) { LeastDepth = _root.LeastDepth });
    }
}
