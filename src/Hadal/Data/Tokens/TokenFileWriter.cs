using System.Buffers.Binary;
using System.Security.Cryptography;
using Hadal.Checkpoints;

namespace Hadal.Data.Tokens;

/// <summary>Writes a <see cref="TokenFile"/>, document after document; it appears under its name when it is complete.</summary>
internal sealed class TokenFileWriter : IDisposable
{
    private readonly AtomicFile _file;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _header = new byte[TokenFile.HeaderBytes];
    private readonly TokenWidth _width;
    private readonly List<long> _offsets = [0];
    private byte[] _bytes = [];

    /// <exception cref="CheckpointException">The file can't be created.</exception>
    public TokenFileWriter(string path, ReadOnlySpan<byte> key, TokenWidth width)
    {
        _width = width;
        TokenFile.Magic.CopyTo(_header);
        BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(8), TokenFile.Version);
        BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(12), (uint)width);
        key.CopyTo(_header.AsSpan(TokenFile.KeyAt));
        _file = new AtomicFile(path);
        Put(_header);
    }

    /// <summary>How many tokens were added.</summary>
    public long Tokens => _offsets[^1];

    public void Dispose()
    {
        _file.Dispose();
        _hash.Dispose();
    }

    /// <summary>Adds a document; one without tokens is left out.</summary>
    public void Add(EncodedDocument document)
    {
        int[] ids = document.Ids;
        if (ids.Length == 0) return;
        int size = TokenFile.BytesOf(_width);
        if (_bytes.Length < (long)size * ids.Length) _bytes = new byte[size * ids.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            if (_width == TokenWidth.Short)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(2 * i), (ushort)ids[i]);
                continue;
            }

            bool isFlagged = _width == TokenWidth.Flagged && document.Counted![i];
            BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(4 * i), (uint)ids[i] | (isFlagged ? TokenFile.CountedBit : 0));
        }

        Write(_bytes.AsSpan(0, size * ids.Length));
        _offsets.Add(Tokens + ids.Length);
    }

    /// <summary>Completes the file.</summary>
    /// <exception cref="CheckpointException">The file can't be written.</exception>
    public void Finish(bool isSplit)
    {
        Write(new byte[TokenFile.OffsetsAt(_width, Tokens) - TokenFile.HeaderBytes - Tokens * TokenFile.BytesOf(_width)]);
        byte[] offset = new byte[8];
        foreach (long start in _offsets)
        {
            BinaryPrimitives.WriteInt64LittleEndian(offset, start);
            Write(offset);
        }

        BinaryPrimitives.WriteInt64LittleEndian(_header.AsSpan(16), _offsets.Count - 1);
        BinaryPrimitives.WriteInt64LittleEndian(_header.AsSpan(24), Tokens);
        _header[32] = isSplit ? (byte)1 : (byte)0;
        // The counts are known last, so the header is hashed behind what follows it.
        _hash.AppendData(_header.AsSpan(0, TokenFile.HashAt));
        _hash.GetHashAndReset().CopyTo(_header.AsSpan(TokenFile.HashAt));
        _file.Stream.Position = 0;
        Put(_header);
        _file.Commit();
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        Put(bytes);
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _file.Stream.Write(bytes);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(_file.Path, "written", e);
        }
    }
}
