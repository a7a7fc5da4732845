using System.Text;

namespace Hadal.Tokenization;

/// <summary>
/// Text of ids that come one at a time. A character whose bytes are spread over several tokens appears when its last byte does; bytes
/// that can't become a character appear as U+FFFD. All that it returned, with <see cref="Flush"/> at the end, is what
/// <see cref="Tokenizer.Decode"/> makes of all ids at once. For one caller at a time.
/// </summary>
public sealed class IncrementalDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecial;
    private readonly HashSet<int> _shown;
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private int _spacesToDrop;

    internal IncrementalDecoder(Tokenizer tokenizer, bool skipSpecial, IReadOnlyCollection<int> shown)
    {
        _tokenizer = tokenizer;
        _skipSpecial = skipSpecial;
        _shown = [.. shown];
        _spacesToDrop = tokenizer.LeadingSpaces;
    }

    /// <summary>Takes one id; returns the characters that are complete now, often one token's, sometimes none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary has no such id.</exception>
    public string Add(int id)
    {
        ReadOnlySpan<byte> bytes = _tokenizer.Piece(id, _skipSpecial && !_shown.Contains(id));
        while (_spacesToDrop > 0 && !bytes.IsEmpty)
        {
            if (bytes[0] == (byte)' ')
            {
                bytes = bytes[1..];
                _spacesToDrop--;
            }
            else
            {
                _spacesToDrop = 0;
            }
        }

        return Convert(bytes, flush: false);
    }

    /// <summary>Ends the text: what was begun and not completed, as U+FFFD. The decoder is then as new.</summary>
    public string Flush()
    {
        string rest = Convert([], flush: true);
        _spacesToDrop = _tokenizer.LeadingSpaces;
        return rest;
    }

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        int most = Encoding.UTF8.GetMaxCharCount(bytes.Length + 4);
        Span<char> characters = most <= 512 ? stackalloc char[512] : new char[most];
        return new string(characters[.._utf8.GetChars(bytes, characters, flush)]);
    }
}
