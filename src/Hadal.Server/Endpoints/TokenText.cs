using System.Text;
using Hadal.Tokenization;

namespace Hadal.Server.Endpoints;

/// <summary>What single tokens say.</summary>
internal static class TokenText
{
    /// <summary>A token's bytes; none where the model has more rows than the vocabulary has tokens.</summary>
    public static ReadOnlySpan<byte> Bytes(Tokenizer tokenizer, int token) => token < tokenizer.VocabSize ? tokenizer.IdToBytes(token) : [];

    /// <summary>A token's text; parts of characters become U+FFFD.</summary>
    public static string Of(Tokenizer tokenizer, int token) => Encoding.UTF8.GetString(Bytes(tokenizer, token));
}
