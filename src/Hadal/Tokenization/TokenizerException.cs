using Hadal.Checkpoints;

namespace Hadal.Tokenization;

/// <summary>
/// A tokenizer can't be read, written or used. The message is one sentence: the file, the place in it, what was found, what was expected.
/// </summary>
public sealed class TokenizerException : Exception
{
    /// <summary>Describes a problem with a file.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="problem">The rest of the sentence, without its full stop.</param>
    /// <param name="innerException">What the system said, if it was the system.</param>
    public TokenizerException(string path, string problem, Exception? innerException = null)
        : base($"{path}: {problem}.", innerException) => Path = path;

    /// <summary>The file or folder that has the problem.</summary>
    public string Path { get; }

    /// <summary>The sentence for an error of the file system.</summary>
    internal static TokenizerException FromSystem(string path, string verb, Exception e)
    {
        string reason = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message.TrimEnd('.');
        return new TokenizerException(path, $"the file could not be {verb}: {reason}", e);
    }

    /// <summary>Text from a file in quotes, cut to a length that fits a sentence.</summary>
    internal static string Quote(string text) => CheckpointException.Quote(text);

    /// <summary>Reads a whole file.</summary>
    internal static byte[] ReadFile(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw FromSystem(path, "read", e);
        }
    }
}
