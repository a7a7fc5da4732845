using Hadal.Checkpoints.Gguf;

namespace Hadal.Tokenization.Formats;

/// <summary>Moves vocabularies between folders and GGUF files.</summary>
public static class TokenizerConversion
{
    private static readonly string[] s_files =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "vocab.json", "merges.txt",
        "tokenizer.model",
    ];

    /// <summary>Whether a folder or a .gguf file has a vocabulary.</summary>
    /// <exception cref="Checkpoints.CheckpointException">The GGUF file can't be read.</exception>
    public static bool HasVocabulary(string model)
    {
        if (GgufFile.IsGguf(model)) return GgufMetadata.Read(model).Text("tokenizer.ggml.model") is not (null or "no_vocab" or "none");
        return Directory.Exists(model) && (s_files[..1].Any(name => File.Exists(Path.Combine(model, name)))
            || Directory.EnumerateFiles(model, "*.tiktoken").Any() || Directory.EnumerateFiles(model, "*.gguf").Any());
    }

    /// <summary>The keys by which a GGUF file holds a model's vocabulary, its chat template included; null if it has none.</summary>
    /// <param name="model">A folder or a .gguf file; the keys of the latter are taken as they are.</param>
    /// <param name="vocabSize">Rows of the model's embedding.</param>
    /// <exception cref="TokenizerException">The vocabulary can't be read, or does what GGUF has no keys for.</exception>
    /// <exception cref="Checkpoints.CheckpointException">The GGUF file can't be read.</exception>
    public static IReadOnlyList<KeyValuePair<string, object>>? GgufKeys(string model, int vocabSize)
    {
        if (!HasVocabulary(model)) return null;
        if (!GgufFile.IsGguf(model)) return GgufVocabularyWriter.Keys(TokenizerReader.Read(model, pattern: null), vocabSize);
        GgufMetadata keys = GgufMetadata.Read(model);
        IEnumerable<string> names = keys.Keys.Where(key => key.StartsWith("tokenizer.", StringComparison.Ordinal));
        return [.. names.Select(key => new KeyValuePair<string, object>(key, keys.Value(key)!))];
    }

    /// <summary>Writes a model's vocabulary into a folder: files that are there are copied, a GGUF file's becomes tokenizer.json.</summary>
    /// <returns>False if the model has none.</returns>
    /// <exception cref="TokenizerException">The vocabulary can't be read.</exception>
    /// <exception cref="Checkpoints.CheckpointException">The GGUF file can't be read, or the folder not be written.</exception>
    public static bool WriteFolder(string model, string folder)
    {
        if (!HasVocabulary(model)) return false;
        if (GgufFile.IsGguf(model))
        {
            TokenizerJsonWriter.Write(TokenizerReader.Read(model, pattern: null), folder);
            return true;
        }

        CopyFiles(model, folder);
        return true;
    }

    /// <summary>Copies the files by which a folder's tokenizer is known to this and other programs, those that are there.</summary>
    internal static void CopyFiles(string from, string to)
    {
        Directory.CreateDirectory(to);
        if (!Directory.Exists(from)) return;
        foreach (string source in Directory.EnumerateFiles(from, "*.tiktoken").Concat(s_files.Select(name => Path.Combine(from, name))))
        {
            if (File.Exists(source)) File.Copy(source, Path.Combine(to, Path.GetFileName(source)), overwrite: true);
        }
    }
}
