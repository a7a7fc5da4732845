using Hadal.Inference;
using Hadal.Server.Contracts;
using Hadal.Tokenization;

namespace Hadal.Server.Endpoints;

/// <summary>Log-probabilities in the form of chat completions.</summary>
internal static class ChatLogprobsWriter
{
    /// <summary>A token with its alternatives.</summary>
    public static TokenLogprob Write(Tokenizer tokenizer, TokenScore token, IReadOnlyList<TokenScore> alternatives) =>
        Write(tokenizer, token) with { TopLogprobs = [.. alternatives.Select(alternative => Write(tokenizer, alternative))] };

    private static TokenLogprob Write(Tokenizer tokenizer, TokenScore score)
    {
        ReadOnlySpan<byte> bytes = TokenText.Bytes(tokenizer, score.Token);
        int[] numbers = new int[bytes.Length];
        for (int i = 0; i < numbers.Length; i++) numbers[i] = bytes[i];
        return new TokenLogprob(TokenText.Of(tokenizer, score.Token), score.LogProb, numbers);
    }
}
