using Hadal.Checkpoints;

namespace Hadal.Data;

/// <summary>
/// Training data can't be read or used. The message is one sentence: the file, the line, what was found, what was expected.
/// </summary>
public sealed class DataException : Exception
{
    /// <summary>Describes a problem with a file or folder as a whole.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="problem">The rest of the sentence, without its full stop.</param>
    /// <param name="innerException">What caused it, if something else failed.</param>
    public DataException(string path, string problem, Exception? innerException = null)
        : base($"{path}: {problem}.", innerException) => Path = path;

    /// <summary>Describes a problem in a line of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="line">The line, counted from 1.</param>
    /// <param name="problem">The rest of the sentence, without its full stop.</param>
    /// <param name="innerException">What caused it, if something else failed.</param>
    public DataException(string path, long line, string problem, Exception? innerException = null)
        : base($"{path}, line {line}: {problem}.", innerException)
    {
        Path = path;
        Line = line;
    }

    /// <summary>The file or folder that has the problem.</summary>
    public string Path { get; }

    /// <summary>The line, counted from 1; 0 if the problem has none.</summary>
    public long Line { get; }

    /// <summary>The sentence for an error of the file system.</summary>
    internal static DataException FromSystem(string path, string verb, Exception e)
    {
        string reason = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message.TrimEnd('.');
        return new DataException(path, $"it could not be {verb}: {reason}", e);
    }

    /// <summary>Text from a file in quotes, cut to a length that fits a sentence.</summary>
    internal static string Quote(string text) => CheckpointException.Quote(text);
}
