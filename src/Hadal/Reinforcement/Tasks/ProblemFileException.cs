using Hadal.Checkpoints;

namespace Hadal.Reinforcement.Tasks;

/// <summary>A file of problems can't be read. The message is one sentence: the file, the line, what was found, what was expected.</summary>
public sealed class ProblemFileException : Exception
{
    /// <summary>Describes a problem with a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="problem">The rest of the sentence, without its full stop.</param>
    /// <param name="innerException">What was wrong underneath.</param>
    public ProblemFileException(string path, string problem, Exception? innerException = null)
        : base($"{path}: {problem}.", innerException) => Path = path;

    /// <summary>The file that has the problem.</summary>
    public string Path { get; }

    /// <summary>The sentence for an error of the file system.</summary>
    internal static ProblemFileException FromSystem(string path, Exception e)
    {
        string reason = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message.TrimEnd('.');
        return new ProblemFileException(path, $"the file could not be read: {reason}", e);
    }

    /// <summary>Whether an exception is the file system's way to refuse.</summary>
    internal static bool IsSystem(Exception e) => CheckpointException.IsSystem(e);
}
