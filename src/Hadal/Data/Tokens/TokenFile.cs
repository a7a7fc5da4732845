using System.Buffers.Binary;
using System.Security.Cryptography;
using Hadal.Checkpoints;
using Hadal.Numerics;

namespace Hadal.Data.Tokens;

/// <summary>What a token of a file takes.</summary>
internal enum TokenWidth
{
    /// <summary>An unsigned 16-bit id.</summary>
    Short,

    /// <summary>A 32-bit id.</summary>
    Wide,

    /// <summary>A 32-bit id whose highest bit says whether a model is to learn to say the token.</summary>
    Flagged,
}

/// <summary>
/// Tokens of documents in a file, mapped into memory. 128 bytes of header, the tokens, then where each document starts, and where the last
/// ends, in 64 bits; all little-endian. The header ends in a SHA-256 of all else, so damage anywhere is noticed when the file is opened.
/// </summary>
internal sealed class TokenFile : IDisposable
{
    public const int HeaderBytes = 128, HashAt = 96, KeyAt = 64;
    public const int Version = 1;

    /// <summary>The bit of <see cref="TokenWidth.Flagged"/>.</summary>
    public const uint CountedBit = 0x8000_0000;

    private const int HashedAtOnce = 1 << 24;

    private readonly MappedFile _file;
    private readonly TokenWidth _width;

    private TokenFile(MappedFile file, TokenWidth width, long documents, long tokens, bool isSplit)
    {
        _file = file;
        _width = width;
        Documents = documents;
        Tokens = tokens;
        IsSplit = isSplit;
    }

    public static ReadOnlySpan<byte> Magic => "HADALTOK"u8;

    /// <summary>How many documents there are, each of one token or more.</summary>
    public long Documents { get; }

    /// <summary>How many tokens there are.</summary>
    public long Tokens { get; }

    /// <summary>Whether the two documents are one text, cut where its held-out part begins.</summary>
    public bool IsSplit { get; }

    /// <summary>Whether the documents are conversations.</summary>
    public bool IsChat => _width == TokenWidth.Flagged;

    public static int BytesOf(TokenWidth width) => width == TokenWidth.Short ? 2 : 4;

    /// <summary>Where the documents' offsets start, for a number of tokens.</summary>
    public static long OffsetsAt(TokenWidth width, long tokens) => HeaderBytes + (tokens * BytesOf(width) + 7) / 8 * 8;

    /// <summary>Opens a file; null if it is missing, damaged, or not of this key.</summary>
    public static TokenFile? TryOpen(string path, ReadOnlySpan<byte> key)
    {
        MappedFile file;
        try
        {
            file = new MappedFile(path);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            return null;
        }

        TokenFile? opened = TryRead(file, key);
        if (opened is null) file.Dispose();
        return opened;
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Where a document starts; for the number of documents, where the last one ends.</summary>
    public long Offset(long document) =>
        BinaryPrimitives.ReadInt64LittleEndian(_file.Slice(OffsetsAt(_width, Tokens) + 8 * document, 8));

    /// <summary>The document that a token belongs to.</summary>
    public long DocumentOf(long token)
    {
        long low = 0, high = Documents;
        while (high - low > 1)
        {
            long middle = low + (high - low) / 2;
            if (Offset(middle) <= token) low = middle;
            else high = middle;
        }

        return low;
    }

    /// <summary>Copies tokens, and for each whether it counts.</summary>
    public void Read(long start, Span<int> ids, Span<bool> counted)
    {
        ReadOnlySpan<byte> bytes = _file.Slice(HeaderBytes + start * BytesOf(_width), ids.Length * BytesOf(_width));
        for (int i = 0; i < ids.Length; i++)
        {
            uint token = _width == TokenWidth.Short
                ? BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * i)..])
                : BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 * i)..]);
            counted[i] = _width != TokenWidth.Flagged || (token & CountedBit) != 0;
            ids[i] = (int)(token & ~CountedBit);
        }
    }

    private static TokenFile? TryRead(MappedFile file, ReadOnlySpan<byte> key)
    {
        if (file.Length < HeaderBytes) return null;
        ReadOnlySpan<byte> header = file.Slice(0, HeaderBytes);
        long width = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        long documents = BinaryPrimitives.ReadInt64LittleEndian(header[16..]), tokens = BinaryPrimitives.ReadInt64LittleEndian(header[24..]);
        bool isOurs = header.StartsWith(Magic) && BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) == Version
            && header.Slice(KeyAt, key.Length).SequenceEqual(key);
        if (!isOurs || width > (long)TokenWidth.Flagged || tokens < 0 || tokens > file.Length || documents < 0 || documents > tokens) return null;
        if (file.Length != OffsetsAt((TokenWidth)width, tokens) + 8 * (documents + 1)) return null;

        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long at = HeaderBytes; at < file.Length; at += HashedAtOnce)
        {
            hash.AppendData(file.Slice(at, (int)Math.Min(HashedAtOnce, file.Length - at)));
        }

        hash.AppendData(header[..HashAt]);
        if (!header[HashAt..].SequenceEqual(hash.GetHashAndReset())) return null;
        return new TokenFile(file, (TokenWidth)width, documents, tokens, header[32] != 0);
    }
}
