using System.Text.Json;
using Hadal.Checkpoints;

namespace Hadal.Training;

/// <summary>
/// <c>metrics.jsonl</c>: the events of a run, a JSON object to a line. A line is handed to the system whole and at once, so that a killed run
/// leaves at most half a line, at the end. Write a step's events before the step's checkpoint: a run resumed there keeps exactly these.
/// </summary>
public sealed class MetricsLog : IDisposable
{
    private readonly FileStream _file;

    private MetricsLog(string path, FileMode mode)
    {
        Path = path;
        try
        {
            // Without a buffer a line is one write; others may read along.
            _file = new FileStream(path, mode, FileAccess.Write, FileShare.Read, bufferSize: 0);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw new CheckpointException(path, $"the file could not be opened for writing: {e.Message.TrimEnd('.')}", e);
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Starts the file of a new run.</summary>
    /// <exception cref="CheckpointException">There is such a file already, or it can't be made.</exception>
    public static MetricsLog Create(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new MetricsLog(path, FileMode.CreateNew);
    }

    /// <summary>
    /// Goes on with the file of a run that was stopped: drops what it had written after the checkpoint's step, and half a last line.
    /// A file that isn't there is begun.
    /// </summary>
    /// <param name="path">The file; it is replaced as a whole or not at all.</param>
    /// <param name="step">Updates that the checkpoint has seen.</param>
    /// <exception cref="CheckpointException">A line that isn't the last holds no event, or the file can't be read or written.</exception>
    public static MetricsLog OpenForResume(string path, int step)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        if (File.Exists(path)) KeepUntil(path, step);
        return new MetricsLog(path, FileMode.Append);
    }

    /// <summary>Reads the events of a file one by one, in their order; half a line at the end is left out.</summary>
    /// <exception cref="CheckpointException">The file can't be read, or a line holds no event: file and line are named.</exception>
    public static IEnumerable<TrainingEvent> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Events(path);
    }

    /// <summary>Writes one line.</summary>
    /// <exception cref="CheckpointException">The disk didn't take it.</exception>
    public void Append(TrainingEvent entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        try
        {
            _file.Write([.. JsonSerializer.SerializeToUtf8Bytes(entry, MetricsJson.Lines.TrainingEvent), (byte)'\n']);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(Path, "written", e);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private static IEnumerable<TrainingEvent> Events(string path)
    {
        using FileStream stream = OpenToRead(path);
        MetricsLines lines = new(path, stream);
        while (lines.Next() is { } entry) yield return entry;
    }

    private static void KeepUntil(string path, int step)
    {
        using AtomicFile kept = new(path);
        using (FileStream stream = OpenToRead(path))
        {
            MetricsLines lines = new(path, stream);
            while (lines.Next() is { } entry)
            {
                if (entry.Step <= step) Write(kept, lines.Line.Span);
            }
        }

        kept.Commit();
    }

    private static void Write(AtomicFile file, ReadOnlySpan<byte> line)
    {
        try
        {
            file.Stream.Write(line);
            file.Stream.WriteByte((byte)'\n');
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(file.Path, "written", e);
        }
    }

    private static FileStream OpenToRead(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(path, "read", e);
        }
    }
}
