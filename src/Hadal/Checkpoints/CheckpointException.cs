using System.Text;

namespace Hadal.Checkpoints;

/// <summary>
/// A checkpoint can't be read or written. The message is one sentence: the file, the place in it, what was found, what was expected.
/// </summary>
public sealed class CheckpointException : Exception
{
    // Names come from the file, so a message could otherwise be as long as the file.
    private const int LongestQuote = 120;

    /// <summary>Describes a problem with a file.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="problem">The rest of the sentence, without its full stop.</param>
    /// <param name="innerException">What the system said, if it was the system.</param>
    public CheckpointException(string path, string problem, Exception? innerException = null)
        : base($"{path}: {problem}.", innerException) => Path = path;

    /// <summary>The file or folder that has the problem.</summary>
    public string Path { get; }

    /// <summary>Text from a file in quotes: cut to a length that fits a sentence, control characters escaped.</summary>
    internal static string Quote(string text)
    {
        StringBuilder quoted = new("'");
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, LongestQuote)))
        {
            if (char.IsControl(c) || char.IsSurrogate(c)) quoted.Append(@"\u").Append(((int)c).ToString("x4", null));
            else quoted.Append(c);
        }

        return quoted.Append(text.Length > LongestQuote ? "...'" : "'").ToString();
    }

    /// <summary>The sentence for an error of the file system.</summary>
    internal static CheckpointException FromSystem(string path, string verb, Exception e)
    {
        string reason = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message.TrimEnd('.');
        return new CheckpointException(path, $"the file could not be {verb}: {reason}", e);
    }

    /// <summary>Whether an exception is the file system's way to refuse.</summary>
    internal static bool IsSystem(Exception e) => e is IOException or UnauthorizedAccessException or NotSupportedException;
}
