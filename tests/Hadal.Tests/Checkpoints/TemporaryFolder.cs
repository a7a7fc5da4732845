namespace Hadal.Tests.Checkpoints;

/// <summary>A folder that lives as long as a test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private const string SharedMemory = "/dev/shm";

    /// <param name="inMemory">Whether to take a folder in memory where the system has one, for thousands of files.</param>
    public TemporaryFolder(bool inMemory = false)
    {
        string parent = inMemory && Directory.Exists(SharedMemory) ? SharedMemory : System.IO.Path.GetTempPath();
        Path = Directory.CreateDirectory(System.IO.Path.Combine(parent, $"hadal-{Guid.NewGuid():n}")).FullName;
    }

    public string Path { get; }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    public string At(params string[] names) => System.IO.Path.Combine([Path, .. names]);

    /// <summary>Copies the files of a folder into a new one of this name, writable whatever the originals are.</summary>
    public string Copy(string source, string name)
    {
        Directory.CreateDirectory(At(name));
        foreach (string file in Directory.GetFiles(source)) File.WriteAllBytes(At(name, System.IO.Path.GetFileName(file)), File.ReadAllBytes(file));
        return At(name);
    }

    /// <summary>Every file below the folder with its content, to see whether anything was touched.</summary>
    public static Dictionary<string, string> Snapshot(string folder) => Directory
        .GetFileSystemEntries(folder, "*", SearchOption.AllDirectories)
        .ToDictionary(path => path, path => Directory.Exists(path) ? "folder" : Convert.ToHexString(File.ReadAllBytes(path)));
}
