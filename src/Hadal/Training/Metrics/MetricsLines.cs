using System.Text.Json;
using Hadal.Checkpoints;

namespace Hadal.Training;

/// <summary>
/// Walks the lines of a metrics file. Only the last line may be damaged, and only if it has no end: a killed run leaves half a line.
/// </summary>
internal sealed class MetricsLines(string path, Stream stream)
{
    // A line with the loads of 61 layers of 256 experts has about 80 KB; a file without line ends must not fill the memory.
    private const int LongestLine = 16 << 20;

    private byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _end;
    private int _number;

    /// <summary>The last line read, without its end.</summary>
    public ReadOnlyMemory<byte> Line { get; private set; }

    /// <summary>Whether the last line read has its end in the file.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>Reads the next event; null at the end of the file or at half a line there.</summary>
    /// <exception cref="CheckpointException">The line holds no event, or the file can't be read.</exception>
    public TrainingEvent? Next()
    {
        if (!NextLine()) return null;
        _number++;
        try
        {
            return JsonSerializer.Deserialize(Line.Span, MetricsJson.Lines.TrainingEvent) ?? throw Bad("null", null);
        }
        catch (JsonException) when (!IsEnded)
        {
            return null;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw Bad(Line.IsEmpty ? "nothing" : $"'{(char)Line.Span[0]}...' which is wrong at byte {(e as JsonException)?.BytePositionInLine ?? 0}", e);
        }
    }

    private CheckpointException Bad(string found, Exception? e) =>
        new(path, $"line {_number} holds {found}, expected one event of training as a JSON object", e);

    private bool NextLine()
    {
        int searched = 0;
        while (true)
        {
            int length = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (length >= 0) return Take(searched + length, ended: true);
            searched = _end - _start;
            if (searched > LongestLine) throw new CheckpointException(path, $"line {_number + 1} is longer than {LongestLine} bytes");
            if (!Fill()) return searched > 0 && Take(searched, ended: false);
        }
    }

    private bool Take(int length, bool ended)
    {
        Line = _buffer.AsMemory(_start, length);
        IsEnded = ended;
        _start += length + (ended ? 1 : 0);
        return true;
    }

    private bool Fill()
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_end == _buffer.Length) Array.Resize(ref _buffer, 2 * _end);
        try
        {
            int read = stream.Read(_buffer.AsSpan(_end));
            _end += read;
            return read > 0;
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(path, "read", e);
        }
    }
}
