namespace Hadal.Inference;

/// <summary>A prompt has more tokens than the context takes.</summary>
/// <param name="what">What is too long, as in "the conversation".</param>
/// <param name="tokens">Tokens that it has.</param>
/// <param name="most">Tokens that it may have.</param>
/// <param name="room">Whose bound that is.</param>
public sealed class ContextLengthException(string what, int tokens, int most, string room)
    : ArgumentException($"{what} has {tokens} tokens, expected 1 to {most} for {room}.")
{
    /// <summary>Tokens that there are.</summary>
    public int Tokens => tokens;

    /// <summary>Tokens that there may be.</summary>
    public int Most => most;
}
