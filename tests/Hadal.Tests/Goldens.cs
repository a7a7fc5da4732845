namespace Hadal.Tests;

/// <summary>
/// Results of other people's implementations: in a folder <c>shared/goldens</c> beside the repository's root, the small ones also in
/// <c>Fixtures</c> under the same names. Tests whose file is in neither are skipped.
/// </summary>
internal static class Goldens
{
    /// <summary>The folder beside the repository, or null if there is none beside any directory above the test assembly.</summary>
    public static string? Folder { get; } = SharedFolder.Find("goldens");

    /// <summary>
    /// Full path of a file or folder in there, or of the copy of the file that the repository has; skips the calling test (a
    /// <c>SkippableFact</c>) if both are missing.
    /// </summary>
    public static string Require(string relative)
    {
        if (Folder is not null && Path.Combine(Folder, relative) is string shared && Path.Exists(shared)) return shared;
        string copy = Path.Combine(AppContext.BaseDirectory, "Fixtures", relative);
        Skip.IfNot(File.Exists(copy), $"no {relative} in {Folder ?? "a folder shared/goldens beside the repository"}, and no copy in Fixtures");
        return copy;
    }
}
