namespace Hadal.Tokenization.Formats;

/// <summary>Finds out which file a path means and which of the formats it is in.</summary>
internal static class TokenizerReader
{
    private const string JsonName = "tokenizer.json";

    /// <summary>Reads a folder or a file.</summary>
    public static TokenizerParts Read(string path, string? pattern)
    {
        if (Directory.Exists(path)) path = FileOf(path);
        string extension = Path.GetExtension(path).ToLowerInvariant();
        TokenizerParts parts = extension switch
        {
            ".json" => TokenizerJson.Read(path),
            ".tiktoken" => Tiktoken.Read(path, pattern),
            ".gguf" => GgufVocabulary.Read(path),
            _ when !File.Exists(path) => throw new TokenizerException(path, "there is no such file or folder"),
            _ => throw new TokenizerException(
                path, $"the file's extension is {TokenizerException.Quote(extension)}, expected a folder, .json, .tiktoken or .gguf"),
        };
        if (pattern is not null && extension != ".tiktoken")
        {
            throw new TokenizerException(path, "a pattern was given, but only .tiktoken files leave theirs open");
        }

        if (extension != ".gguf") ModelSettings.Apply(Path.GetDirectoryName(Path.GetFullPath(path))!, parts);
        return parts;
    }

    private static string FileOf(string folder)
    {
        string json = Path.Combine(folder, JsonName);
        if (File.Exists(json)) return json;
        foreach (string extension in (ReadOnlySpan<string>)["*.tiktoken", "*.gguf"])
        {
            string[] files = Directory.GetFiles(folder, extension);
            if (files.Length == 1) return files[0];
            if (files.Length > 1)
            {
                throw new TokenizerException(folder, $"the folder has {files.Length} files {extension} and no {JsonName}, expected one");
            }
        }

        throw new TokenizerException(folder, $"the folder has no {JsonName}, .tiktoken or .gguf file");
    }
}
