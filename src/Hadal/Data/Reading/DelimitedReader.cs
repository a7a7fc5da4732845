using Hadal.Checkpoints;

namespace Hadal.Data.Reading;

/// <summary>
/// Cuts a file at every occurrence of some bytes: a line break for JSONL, a separator for text. It holds one document at a time, whatever
/// the size of the file. Empty documents are passed over, and so is a byte-order mark at the start.
/// </summary>
internal sealed class DelimitedReader : IDisposable
{
    /// <summary>Bytes that a document may have: half of what .NET's strings hold, and tokens take four times as much.</summary>
    public const int LongestDocument = 1 << 29;

    private readonly string _path;
    private readonly byte[] _delimiter;
    private readonly int _longest;
    private readonly FileStream _stream;
    private byte[] _buffer = new byte[1 << 16];
    private int _start, _searched, _end;
    private bool _atEnd;
    private long _line = 1, _offset;

    /// <param name="path">The file.</param>
    /// <param name="delimiter">What ends a document; empty to take the whole file as one.</param>
    /// <param name="longest">Bytes that a document may have.</param>
    /// <exception cref="DataException">The file can't be opened.</exception>
    public DelimitedReader(string path, byte[] delimiter, int longest = LongestDocument)
    {
        _path = path;
        _delimiter = delimiter;
        _longest = longest;
        try
        {
            _stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw DataException.FromSystem(path, "read", e);
        }
    }

    /// <summary>Bytes of the file that were read.</summary>
    public long BytesRead { get; private set; }

    public void Dispose() => _stream.Dispose();

    /// <summary>The next document; null at the end of the file.</summary>
    /// <exception cref="DataException">The file can't be read, or the document is too long.</exception>
    public RawDocument? Next()
    {
        while (true)
        {
            int length = LengthOfNext(out int consumed);
            if (consumed == 0) return null;
            ReadOnlySpan<byte> bytes = _buffer.AsSpan(_start, consumed);
            RawDocument? document = length == 0 ? null : new RawDocument(_path, _line, _offset, bytes[..length].ToArray());
            _line += bytes.Count((byte)'\n');
            _offset += consumed;
            _start = _searched = _start + consumed;
            if (document is not null) return document;
        }
    }

    // Reads until a whole document is in the buffer. Nothing is consumed at the end of the file only.
    private int LengthOfNext(out int consumed)
    {
        while (true)
        {
            int found = _delimiter.Length == 0 ? -1 : _buffer.AsSpan(_searched, _end - _searched).IndexOf(_delimiter);
            if (found >= 0)
            {
                int length = _searched + found - _start;
                consumed = length + _delimiter.Length;
                return Checked(length);
            }

            // A delimiter may have come in part.
            _searched = Math.Max(_start, _end - _delimiter.Length + 1);
            if (_atEnd) return consumed = Checked(_end - _start);
            Checked(_end - _start - _delimiter.Length);
            Fill();
        }
    }

    private int Checked(int length) => length <= _longest
        ? length
        : throw new DataException(_path, _line, $"a document has more than {_longest} bytes, which is the most that is read as one");

    private void Fill()
    {
        bool atStart = BytesRead == 0;
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_searched, _end, _start) = (_searched - _start, _end - _start, 0);
        }

        if (_end == _buffer.Length) Array.Resize(ref _buffer, 2 * _buffer.Length);
        try
        {
            int read = _stream.ReadAtLeast(_buffer.AsSpan(_end), Math.Min(3, _buffer.Length - _end), throwOnEndOfStream: false);
            _end += read;
            BytesRead += read;
            _atEnd = read == 0;
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw DataException.FromSystem(_path, "read", e);
        }

        if (atStart && _end >= 3 && IsMark(_buffer))
        {
            _start = _searched = 3;
            _offset = 3;
        }
    }

    private static bool IsMark(ReadOnlySpan<byte> bytes) => bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf;
}
