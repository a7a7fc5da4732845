using System.Buffers;
using System.Text;

namespace Hadal.Inference;

/// <summary>
/// Ends a text before the first stop string in it, wherever the pieces that it comes in begin and end. First is the one that is complete
/// first; of several that are complete with the same character it is the longest. What could still be the beginning of one is held back.
/// </summary>
/// <remarks>Each string is followed by the automaton of Knuth, Morris and Pratt 1977, so every character is looked at once for each string.</remarks>
public sealed class StopMatcher
{
    private readonly string[] _stops;
    private readonly int[][] _borders; // of each prefix: the length of its longest border
    private readonly int[] _matched;   // of each string: how much of it the text ends with
    private readonly StringBuilder _held = new();

    /// <summary>Begins a text.</summary>
    /// <param name="stops">The strings; none ends nothing.</param>
    /// <exception cref="ArgumentException">A string is empty or is no valid UTF-16.</exception>
    public StopMatcher(IReadOnlyList<string> stops)
    {
        ArgumentNullException.ThrowIfNull(stops);
        for (int i = 0; i < stops.Count; i++)
        {
            if (string.IsNullOrEmpty(stops[i])) throw new ArgumentException($"stop string {i} is empty, expected at least one character", nameof(stops));
            if (!IsWellFormed(stops[i])) throw new ArgumentException($"stop string {i} has half of a surrogate pair, expected text", nameof(stops));
        }

        _stops = [.. stops];
        _borders = [.. _stops.Select(Borders)];
        _matched = new int[_stops.Length];
    }

    /// <summary>The stop string that ended the text; null as long as it goes on.</summary>
    public string? Matched { get; private set; }

    /// <summary>Takes a piece of text.</summary>
    /// <returns>Text that is certain now. When <see cref="Matched"/> is set it is the last.</returns>
    /// <exception cref="InvalidOperationException">A stop string has ended the text.</exception>
    public string Add(string piece)
    {
        ArgumentNullException.ThrowIfNull(piece);
        if (Matched is not null) throw new InvalidOperationException("a stop string has ended this text");
        if (_stops.Length == 0) return piece;
        foreach (char next in piece)
        {
            _held.Append(next);
            for (int i = 0; i < _stops.Length; i++)
            {
                _matched[i] = Advance(_stops[i], _borders[i], _matched[i], next);
                if (_matched[i] == _stops[i].Length && _stops[i].Length > (Matched?.Length ?? 0)) Matched = _stops[i];
            }

            if (Matched is not null)
            {
                _held.Length -= Matched.Length;
                return Flush();
            }
        }

        return Release(_held.Length - _matched.Max());
    }

    /// <summary>Ends the text.</summary>
    /// <returns>What was held back.</returns>
    public string Flush() => Release(_held.Length);

    private string Release(int length)
    {
        string certain = _held.ToString(0, length);
        _held.Remove(0, length);
        return certain;
    }

    private static int Advance(string stop, int[] borders, int matched, char next)
    {
        while (matched > 0 && (matched == stop.Length || stop[matched] != next)) matched = borders[matched];
        return stop[matched] == next ? matched + 1 : 0;
    }

    private static int[] Borders(string stop)
    {
        int[] borders = new int[stop.Length + 1];
        for (int i = 1; i < stop.Length; i++) borders[i + 1] = Advance(stop, borders, borders[i], stop[i]);
        return borders;
    }

    private static bool IsWellFormed(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(text, out _, out int length) != OperationStatus.Done) return false;
            text = text[length..];
        }

        return true;
    }
}
