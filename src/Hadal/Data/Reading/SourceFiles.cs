using Hadal.Checkpoints;

namespace Hadal.Data.Reading;

/// <summary>A file of a source.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Format">What it holds.</param>
internal sealed record SourceFile(string Path, SourceFormat Format);

/// <summary>Finds the files that a source means.</summary>
internal static class SourceFiles
{
    private static readonly string[] s_text = [".txt"];
    private static readonly string[] s_json = [".jsonl"];

    /// <summary>The files in order.</summary>
    /// <exception cref="DataException">There is no such file or folder, or no file of the format in it.</exception>
    public static IReadOnlyList<SourceFile> Of(DataSource source)
    {
        if (!Directory.Exists(source.Path))
        {
            if (!File.Exists(source.Path)) throw new DataException(source.Path, "there is no such file or folder");
            string extension = Path.GetExtension(source.Path);
            return (source.Format ?? FormatOf(source, extension)) is { } format
                ? [new SourceFile(source.Path, format)]
                : throw new DataException(
                    source.Path, $"the file's extension is {DataException.Quote(extension)}, expected .txt or .jsonl, or a format");
        }

        List<string> names = [];
        Collect(new DirectoryInfo(source.Path), "", names);
        names.Sort(StringComparer.Ordinal);
        SourceFile[] files =
        [
            .. from name in names
               let format = FormatOf(source, Path.GetExtension(name))
               where format is not null
               select new SourceFile(Path.Combine(source.Path, name), format.Value),
        ];
        if (files.Length > 0) return files;
        string[] expected = source.Format is SourceFormat.Text ? s_text : source.Format is null ? [.. s_text, .. s_json] : s_json;
        throw new DataException(source.Path, $"the folder has no file that ends in {string.Join(" or ", expected)}");
    }

    // Null for a file that a folder's source passes over.
    private static SourceFormat? FormatOf(DataSource source, string extension)
    {
        bool isText = s_text.Contains(extension, StringComparer.OrdinalIgnoreCase);
        bool isJson = s_json.Contains(extension, StringComparer.OrdinalIgnoreCase);
        SourceFormat json = source.QuestionField is null ? SourceFormat.Jsonl : SourceFormat.Chat;
        return source.Format switch
        {
            SourceFormat.Text => isText ? SourceFormat.Text : null,
            { } format => isJson ? format : null,
            null when isJson => json,
            null => isText && json != SourceFormat.Chat ? SourceFormat.Text : null,
        };
    }

    private static void Collect(DirectoryInfo folder, string prefix, List<string> names)
    {
        try
        {
            foreach (FileSystemInfo entry in folder.EnumerateFileSystemInfos())
            {
                if (entry.Name[0] == '.') continue;
                // A link to a folder may lead back up.
                if (entry is DirectoryInfo { LinkTarget: null } inner) Collect(inner, $"{prefix}{entry.Name}/", names);
                else if (entry is FileInfo) names.Add(prefix + entry.Name);
            }
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw DataException.FromSystem(folder.FullName, "read", e);
        }
    }
}
