namespace Hadal.Checkpoints;

/// <summary>The part of a file that belongs to one tensor: takes exactly its bytes and lets no writer stray into the next.</summary>
internal sealed class TensorStream(string path, Stream file, string name, long byteLength) : Stream
{
    private long _written;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => byteLength;

    public override long Position
    {
        get => _written;
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length > byteLength - _written)
        {
            throw new InvalidOperationException(
                $"tensor '{name}' takes {byteLength} bytes, and {_written + buffer.Length} were written");
        }

        try
        {
            file.Write(buffer);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw new CheckpointException(
                path, $"tensor {CheckpointException.Quote(name)} could not be written: {e.Message.TrimEnd('.')}", e);
        }

        _written += buffer.Length;
    }

    /// <summary>Checks that the tensor got all its bytes.</summary>
    public void RequireComplete()
    {
        if (_written == byteLength) return;
        throw new InvalidOperationException($"tensor '{name}' takes {byteLength} bytes, and only {_written} were written");
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
