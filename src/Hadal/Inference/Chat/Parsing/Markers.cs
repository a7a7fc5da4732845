namespace Hadal.Inference.Chat.Parsing;

/// <summary>Finding markers in a text that is still growing.</summary>
internal static class Markers
{
    /// <summary>The first of the markers, and of those that start there the longest; -1 if there is none.</summary>
    public static int Find(string text, IReadOnlyList<string> markers, out string found)
    {
        int first = -1;
        found = "";
        foreach (string marker in markers)
        {
            int at = text.IndexOf(marker, StringComparison.Ordinal);
            if (at < 0 || (first >= 0 && (at > first || (at == first && marker.Length < found.Length)))) continue;
            (first, found) = (at, marker);
        }

        return first;
    }

    /// <summary>How much of the text can be told before more of it is known: not what may be the beginning of a marker, nor white space before it.</summary>
    public static int Certain(string text, IReadOnlyList<string> markers)
    {
        int end = text.Length;
        foreach (string marker in markers)
        {
            for (int length = Math.Min(marker.Length - 1, text.Length); length > 0; length--)
            {
                if (!text.AsSpan().EndsWith(marker.AsSpan(0, length), StringComparison.Ordinal)) continue;
                end = Math.Min(end, text.Length - length);
                break;
            }
        }

        while (end > 0 && char.IsWhiteSpace(text[end - 1])) end--;
        return end;
    }
}
