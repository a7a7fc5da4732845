namespace Hadal.Tests;

/// <summary>Finds what lies in a folder <c>shared</c> beside the repository: results and data too large to be in it.</summary>
internal static class SharedFolder
{
    /// <summary>Full path of a folder in there, or null if there is none beside any directory above the test assembly.</summary>
    public static string? Find(params ReadOnlySpan<string> names)
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine([at.FullName, "shared", .. names]);
            if (Directory.Exists(candidate)) return candidate;
        }

        return null;
    }
}
