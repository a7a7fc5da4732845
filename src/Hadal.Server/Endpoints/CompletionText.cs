using System.Text;
using Hadal.Inference;
using Hadal.Server.Contracts;
using Hadal.Tokenization;

namespace Hadal.Server.Endpoints;

/// <summary>One choice of a completion as it grows.</summary>
internal sealed class CompletionText
{
    private readonly Tokenizer _tokenizer;
    private readonly StringBuilder _text = new();
    private readonly CompletionLogprobs? _logprobs;
    private readonly IncrementalDecoder? _offsets;
    private string _echo = "";
    private string? _finish;
    private int _offset;

    /// <summary>Starts behind a prompt.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="echoes">Whether the text begins with the prompt's.</param>
    /// <param name="isScored">Whether log-probabilities are told.</param>
    public CompletionText(Tokenizer tokenizer, IReadOnlyList<int> prompt, bool echoes, bool isScored)
    {
        _tokenizer = tokenizer;
        if (echoes) _echo = tokenizer.Decode([.. prompt], skipSpecial: true);
        if (!isScored) return;
        _logprobs = new CompletionLogprobs();
        _offsets = tokenizer.CreateDecoder(skipSpecial: true);
        foreach (int id in prompt) _offsets.Add(id);
    }

    /// <summary>Tokens so far.</summary>
    public int Tokens { get; private set; }

    /// <summary>Takes an event in; returns the piece of a stream that it makes.</summary>
    public CompletionChoice Add(int index, GenerationEvent e, bool keepText)
    {
        string text = _echo + e.Text;
        _echo = "";
        if (e.Finish is { } finish) _finish = finish == FinishReason.Stop ? "stop" : "length";
        if (keepText) _text.Append(text);
        CompletionLogprobs? piece = null;
        if (e.Token is { } token)
        {
            Tokens++;
            if (_logprobs is not null)
            {
                piece = keepText ? _logprobs : new CompletionLogprobs();
                Score(piece, token, e.Alternatives);
            }
        }

        return new CompletionChoice(index, text) { Logprobs = piece, FinishReason = _finish };
    }

    /// <summary>The whole choice.</summary>
    public CompletionChoice Whole(int index) => new(index, _text.ToString()) { Logprobs = _logprobs, FinishReason = _finish };

    private void Score(CompletionLogprobs to, TokenScore token, IReadOnlyList<TokenScore> alternatives)
    {
        to.Tokens.Add(TokenText.Of(_tokenizer, token.Token));
        to.TokenLogprobs.Add(token.LogProb);
        to.TextOffset.Add(_offset);
        _offset += token.Token < _tokenizer.VocabSize ? _offsets!.Add(token.Token).Length : 0;

        // Different tokens may have the same text where they are parts of characters; the better one stays.
        Dictionary<string, float> top = [];
        foreach (TokenScore alternative in alternatives) top.TryAdd(TokenText.Of(_tokenizer, alternative.Token), alternative.LogProb);
        to.TopLogprobs.Add(top);
    }
}
