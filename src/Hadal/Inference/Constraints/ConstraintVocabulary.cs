using System.Runtime.CompilerServices;
using Hadal.Tokenization;

namespace Hadal.Inference;

/// <summary>A vocabulary as constraints see it: the bytes of its tokens, which of them are control, and which end a text.</summary>
internal sealed class ConstraintVocabulary
{
    private static readonly ConditionalWeakTable<Tokenizer, TokenTrie> s_tries = [];

    private readonly Tokenizer _tokenizer;
    private readonly TokenTrie _trie;

    /// <summary>Describes a vocabulary.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="endTokens">Tokens that end a text; null for those that the tokenizer names.</param>
    public ConstraintVocabulary(Tokenizer tokenizer, IEnumerable<int>? endTokens)
    {
        _tokenizer = tokenizer;
        _trie = s_tries.GetValue(tokenizer, TokenTrie.Of);
        EndTokens = [.. (endTokens ?? tokenizer.EosIds).Where(token => (uint)token < (uint)tokenizer.VocabSize).Distinct()];
        Special = [.. tokenizer.AddedTokens.Where(token => token.IsSpecial).Select(token => token.Id).Except(EndTokens)];
    }

    /// <summary>Tokens that end a text.</summary>
    public int[] EndTokens { get; }

    /// <summary>Tokens that are control rather than text, but for those that end it.</summary>
    public int[] Special { get; }

    public bool IsEnd(int token) => EndTokens.AsSpan().Contains(token);

    public bool IsSpecial(int token) => _tokenizer.IsSpecial(token);

    /// <summary>What a token says; nothing if there is no such token.</summary>
    public ReadOnlySpan<byte> BytesOf(int token) => (uint)token < (uint)_tokenizer.VocabSize ? _tokenizer.IdToBytes(token) : [];

    /// <summary>Tokens of text that a state allows.</summary>
    public TokenMask Walk(ConstraintState state)
    {
        TokenMask mask = new(_tokenizer.VocabSize);
        _trie.Walk(state, mask);
        return mask;
    }
}
