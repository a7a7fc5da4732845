namespace Hadal.Training;

/// <summary>The files by which a folder's tokenizer is known to this and other programs.</summary>
internal static class TokenizerFiles
{
    private static readonly string[] s_names =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "vocab.json", "merges.txt",
    ];

    /// <summary>Copies those that are there.</summary>
    public static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string name in s_names)
        {
            string source = Path.Combine(from, name);
            if (File.Exists(source)) File.Copy(source, Path.Combine(to, name), overwrite: true);
        }
    }
}
