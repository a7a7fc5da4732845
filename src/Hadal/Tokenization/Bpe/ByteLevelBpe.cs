using System.Buffers;
using System.Text;

namespace Hadal.Tokenization.Bpe;

/// <summary>
/// BPE on the bytes of UTF-8 (GPT-2, Llama 3, Qwen, DeepSeek). A byte that has no token becomes the unknown token; without one it is
/// left out, as Hugging Face does.
/// </summary>
internal sealed class ByteLevelBpe : BpeModel
{
    private readonly int[] _byteIds = new int[256];
    private readonly int _unknown;

    public ByteLevelBpe(Vocabulary vocabulary, MergeTable merges, bool ignoreMerges, int unknown = -1)
        : base(vocabulary, merges, ignoreMerges)
    {
        _unknown = unknown;
        for (int b = 0; b < 256; b++) _byteIds[b] = vocabulary.Find([ByteAlphabet.Character((byte)b)]);
    }

    /// <summary>A byte without a token, or -1 if all have one.</summary>
    public int MissingByte => Array.IndexOf(_byteIds, -1);

    /// <summary>Whether a byte has a token.</summary>
    public bool Has(byte value) => _byteIds[value] >= 0;

    /// <summary>Adds the ids of bytes that need not be text.</summary>
    public void EncodeBytes(ReadOnlySpan<byte> bytes, EncodingScratch scratch)
    {
        if (IgnoreMerges && TryWhole(bytes, out int whole))
        {
            scratch.Ids.Add(whole);
            return;
        }

        Span<int> symbols = scratch.Ids.Tail(bytes.Length);
        int count = 0;
        foreach (byte b in bytes)
        {
            int id = _byteIds[b] >= 0 ? _byteIds[b] : _unknown;
            if (id >= 0) symbols[count++] = id;
        }

        scratch.Ids.Advance(Merger.Merge(symbols[..count], Merges));
    }

    /// <inheritdoc/>
    protected override void EncodeNew(ReadOnlySpan<char> piece, EncodingScratch scratch)
    {
        int most = Encoding.UTF8.GetMaxByteCount(piece.Length);
        if (most <= 512)
        {
            Span<byte> bytes = stackalloc byte[512];
            EncodeBytes(bytes[..Encoding.UTF8.GetBytes(piece, bytes)], scratch);
            return;
        }

        byte[] rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetByteCount(piece));
        EncodeBytes(rented.AsSpan(0, Encoding.UTF8.GetBytes(piece, rented)), scratch);
        ArrayPool<byte>.Shared.Return(rented);
    }

    private bool TryWhole(ReadOnlySpan<byte> bytes, out int id)
    {
        // No vocabulary has tokens of a length that would not fit here.
        Span<char> name = stackalloc char[1024];
        id = -1;
        if (bytes.IsEmpty || bytes.Length > name.Length) return false;
        for (int i = 0; i < bytes.Length; i++) name[i] = ByteAlphabet.Character(bytes[i]);
        return Vocabulary.TryGet(name[..bytes.Length], out id);
    }
}
