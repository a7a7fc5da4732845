namespace Hadal.Checkpoints;

/// <summary>
/// A file that appears under its name whole or not at all. It is written under a temporary name in the same folder, forced to the disk
/// and renamed; without <see cref="Commit"/> the old file stays as it was and the temporary one is deleted.
/// </summary>
public sealed class AtomicFile : IDisposable
{
    // A megabyte between the writer's small pieces and the system; larger pieces pass it by.
    private const int BufferBytes = 1 << 20;

    private readonly string _temporary;
    private readonly FileStream _stream;
    private bool _sealed;
    private bool _committed;

    /// <summary>Opens the temporary file.</summary>
    /// <exception cref="CheckpointException">The folder doesn't exist or can't be written to.</exception>
    public AtomicFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Path = path;
        string full = System.IO.Path.GetFullPath(path);
        string name = $".{System.IO.Path.GetFileName(full)}.{Guid.NewGuid():n}.tmp";
        _temporary = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(full) ?? full, name);
        try
        {
            _stream = new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, BufferBytes);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            string reason = e is DirectoryNotFoundException ? "its folder does not exist" : e.Message.TrimEnd('.');
            throw new CheckpointException(path, $"the file could not be created: {reason}", e);
        }
    }

    /// <summary>The name that the file gets.</summary>
    public string Path { get; }

    /// <summary>Where the content goes.</summary>
    public Stream Stream => _stream;

    /// <summary>Writes a whole file at once.</summary>
    /// <exception cref="CheckpointException">The file could not be written; an old one is untouched.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        using AtomicFile file = new(path);
        try
        {
            file.Stream.Write(content);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(path, "written", e);
        }

        file.Commit();
    }

    /// <summary>Forces the content to the disk and closes the stream, so that nothing but the rename is left to fail.</summary>
    /// <exception cref="CheckpointException">The disk didn't take it.</exception>
    public void Seal()
    {
        if (_sealed) return;
        try
        {
            _stream.Flush(flushToDisk: true);
            _stream.Dispose();
            _sealed = true;
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(Path, "written", e);
        }
    }

    /// <summary>Seals the file and gives it its name, in place of an older file.</summary>
    /// <exception cref="CheckpointException">The content could not be written or the name not be given.</exception>
    public void Commit()
    {
        if (_committed) return;
        Seal();
        try
        {
            File.Move(_temporary, Path, overwrite: true);
            _committed = true;
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(Path, "replaced", e);
        }
    }

    /// <summary>Closes the stream; deletes the temporary file if it was not committed.</summary>
    public void Dispose()
    {
        // Closing may flush what is left in the buffer and fail again as the write did, which was reported where it happened.
        try
        {
            _stream.Dispose();
        }
        catch (IOException)
        {
        }

        if (_committed) return;
        try
        {
            File.Delete(_temporary);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            // The caller is on its way out with the reason why there was no commit; a stray temporary file is the smaller harm.
        }
    }
}
