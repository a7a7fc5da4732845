using Hadal.Tokenization;

namespace Hadal.Inference;

/// <summary>The text of one sequence as its tokens come: whole characters only, and nothing of a stop string.</summary>
internal sealed class SequenceText
{
    private readonly IncrementalDecoder _decoder;
    private readonly int _vocabulary;
    private readonly StopMatcher? _stops;

    public SequenceText(Tokenizer tokenizer, ReadOnlySpan<int> prompt, IReadOnlyList<string> stops, IReadOnlyCollection<int> shownSpecials)
    {
        // What a token says can depend on what stands before it: at the beginning of a text some vocabularies drop a space.
        _decoder = tokenizer.CreateDecoder(skipSpecial: true, shownSpecials);
        _vocabulary = tokenizer.VocabSize;
        foreach (int id in prompt) Decoded(id);
        if (stops.Count > 0) _stops = new StopMatcher(stops);
    }

    /// <summary>Whether a stop string came.</summary>
    public bool IsStopped => _stops?.Matched is not null;

    /// <summary>Takes a token; returns the text that is certain now.</summary>
    public string Add(int token) => Held(Decoded(token));

    /// <summary>Ends the text; returns what was held back.</summary>
    public string Flush()
    {
        if (IsStopped) return "";
        string text = Held(_decoder.Flush());
        return IsStopped || _stops is null ? text : text + _stops.Flush();
    }

    // Models are often padded to more ids than their tokenizer has; those say nothing.
    private string Decoded(int token) => token < _vocabulary ? _decoder.Add(token) : "";

    private string Held(string text) => _stops is null ? text : _stops.Add(text);
}
