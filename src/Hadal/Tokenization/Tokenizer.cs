using System.Collections.Concurrent;
using System.Text;
using System.Text.Unicode;
using Hadal.Tokenization.Bpe;
using Hadal.Tokenization.Formats;
using Hadal.Tokenization.Templates;

namespace Hadal.Tokenization;

/// <summary>
/// Text to ids and back, by the vocabulary of a model: byte-level BPE (GPT-2, Llama 3, Qwen, DeepSeek) or BPE on characters with bytes
/// for the rest (Llama 2, Mistral). It is immutable; any number of threads may use one.
/// </summary>
public sealed class Tokenizer
{
    private readonly TokenizerParts _parts;
    private readonly ConcurrentBag<EncodingScratch> _scratches = [];
    private readonly TextEncoder _encoder;
    private readonly Dictionary<int, AddedToken> _added = [];

    // What each id adds to a text, one after another: id i is [_ends[i - 1], _ends[i]).
    private readonly byte[] _text;
    private readonly int[] _ends;

    internal Tokenizer(TokenizerParts parts)
    {
        _parts = parts;
        foreach (AddedToken token in parts.AddedTokens) _added[token.Id] = token;
        _encoder = new TextEncoder(parts);

        using MemoryStream text = new();
        _ends = new int[parts.Vocabulary.Size];
        for (int id = 0; id < _ends.Length; id++)
        {
            if (_added.TryGetValue(id, out AddedToken? token)) text.Write(Encoding.UTF8.GetBytes(token.Content));
            else if (parts.Vocabulary[id] is { } name) text.Write(parts.Text.Bytes(name));
            _ends[id] = (int)text.Length;
        }

        _text = text.ToArray();
    }

    /// <summary>The highest id plus one; a model may have more rows.</summary>
    public int VocabSize => _ends.Length;

    /// <summary>The token that begins a text, if the model has one.</summary>
    public int? BosId => _parts.BosId;

    /// <summary>The tokens that end a text, the main one first.</summary>
    public IReadOnlyList<int> EosIds => _parts.EosIds;

    /// <summary>The token for what has no other, if there is one.</summary>
    public int? UnknownId => _parts.UnknownId;

    /// <summary>The token that fills batches, if the files name one.</summary>
    public int? PadId => _parts.PadId;

    /// <summary>Tokens that are found in text as a whole, special ones among them.</summary>
    public IReadOnlyList<AddedToken> AddedTokens => _parts.AddedTokens;

    /// <summary>The template for conversations that the files carry, in Jinja.</summary>
    public string? ChatTemplate => _parts.ChatTemplate;

    /// <summary>Whether every byte has a token, so that <see cref="EncodeBytes"/> takes anything.</summary>
    public bool EncodesAnyBytes => _parts.Model is ByteLevelBpe { MissingByte: < 0 };

    /// <summary>The file that the vocabulary is from.</summary>
    internal string Path => _parts.Path;

    internal int LeadingSpaces => _parts.Text.LeadingSpaces;

    /// <summary>Opens a tokenizer.</summary>
    /// <param name="path">A folder of a model, tokenizer.json, a .tiktoken file or a .gguf file.</param>
    /// <param name="pattern">
    /// For .tiktoken, which doesn't say how text is cut: the name of a pattern as in tokenizer.ggml.pre of GGUF, such as "deepseek-v3".
    /// Without it the file's name decides.
    /// </param>
    /// <exception cref="TokenizerException">The file is missing, damaged or asks for what isn't known here.</exception>
    public static Tokenizer Load(string path, string? pattern = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new Tokenizer(TokenizerReader.Read(path, pattern));
    }

    /// <summary>Ids of a text.</summary>
    /// <param name="text">The text; surrogates without their partner are read as U+FFFD.</param>
    /// <param name="addSpecial">Whether to put the tokens before and behind that the model was trained with, such as its BOS.</param>
    /// <param name="parseSpecial">
    /// Whether special tokens written in the text become those tokens. False keeps a user's text from posing as control; added tokens
    /// that aren't special are found either way.
    /// </param>
    public int[] Encode(ReadOnlySpan<char> text, bool addSpecial = false, bool parseSpecial = false)
    {
        EncodingScratch scratch = Rent();
        try
        {
            if (addSpecial) scratch.Ids.Add(_parts.Before);
            _encoder.Encode(text, parseSpecial ? AddedTokenFilter.All : AddedTokenFilter.NoSpecials, scratch);
            if (addSpecial) scratch.Ids.Add(_parts.Behind);
            return scratch.Ids.Written.ToArray();
        }
        finally
        {
            _scratches.Add(scratch);
        }
    }

    /// <summary>Ids of a text.</summary>
    /// <inheritdoc cref="Encode(ReadOnlySpan{char}, bool, bool)"/>
    public int[] Encode(string text, bool addSpecial = false, bool parseSpecial = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Encode(text.AsSpan(), addSpecial, parseSpecial);
    }

    /// <summary>
    /// Ids of a conversation. Where the template wrote a control token (<see cref="AddedToken.IsControl"/>), it becomes one; what stands in
    /// messages never does, nor what they and the template spell together. Conversations that don't try it have the ids of
    /// <see cref="Encode(string, bool, bool)"/> with special tokens parsed.
    /// </summary>
    /// <exception cref="TokenizerException">The vocabulary spells a control token with the pieces of ordinary text.</exception>
    public int[] EncodeChat(RenderedChat chat)
    {
        ArgumentNullException.ThrowIfNull(chat);
        EncodingScratch scratch = Rent();
        try
        {
            int controls = _encoder.Encode(chat.Text, AddedTokenFilter.Foreign(chat.ForeignSpans), scratch);
            int[] ids = scratch.Ids.Written.ToArray();
            if (ids.Count(id => _added.TryGetValue(id, out AddedToken? token) && token.IsControl) == controls) return ids;
            throw new TokenizerException(_parts.Path, "its pieces of ordinary text spell a control token, so a conversation can't be told from its template");
        }
        finally
        {
            _scratches.Add(scratch);
        }
    }

    /// <summary>
    /// Ids of bytes that need not be text: what is valid UTF-8 is encoded as text, the rest byte by byte. Only for byte-level vocabularies;
    /// <see cref="DecodeBytes"/> gives the bytes back, unless a normalizer changes the text in them.
    /// </summary>
    /// <exception cref="NotSupportedException">The vocabulary lacks some of the bytes.</exception>
    public int[] EncodeBytes(ReadOnlySpan<byte> bytes)
    {
        if (_parts.Model is not ByteLevelBpe model) throw new NotSupportedException($"{_parts.Path} is no byte-level vocabulary");
        EncodingScratch scratch = Rent();
        try
        {
            while (!bytes.IsEmpty)
            {
                int text = ValidLength(bytes);
                _encoder.Encode(Encoding.UTF8.GetString(bytes[..text]), AddedTokenFilter.NoSpecials, scratch);
                bytes = bytes[text..];
                int rest = 0;
                while (rest < bytes.Length && Rune.DecodeFromUtf8(bytes[rest..], out _, out int length) != System.Buffers.OperationStatus.Done)
                {
                    rest += length;
                }
                foreach (byte b in bytes[..rest])
                {
                    if (!model.Has(b)) throw new NotSupportedException($"{_parts.Path} has no token for byte 0x{b:x2}");
                }

                if (rest > 0) model.EncodeBytes(bytes[..rest], scratch);
                bytes = bytes[rest..];
            }

            return scratch.Ids.Written.ToArray();
        }
        finally
        {
            _scratches.Add(scratch);
        }
    }

    /// <summary>Text of ids; bytes that are no UTF-8 become U+FFFD.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecial">Whether special tokens are left out.</param>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary has no such id.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = false) => Encoding.UTF8.GetString(DecodeBytes(ids, skipSpecial));

    /// <summary>Bytes of ids.</summary>
    /// <inheritdoc cref="Decode"/>
    public byte[] DecodeBytes(ReadOnlySpan<int> ids, bool skipSpecial = false)
    {
        long length = 0;
        foreach (int id in ids) length += Piece(id, skipSpecial).Length;
        byte[] bytes = new byte[length];
        int at = 0;
        foreach (int id in ids)
        {
            ReadOnlySpan<byte> piece = Piece(id, skipSpecial);
            piece.CopyTo(bytes.AsSpan(at));
            at += piece.Length;
        }

        int spaces = 0;
        while (spaces < LeadingSpaces && spaces < bytes.Length && bytes[spaces] == (byte)' ') spaces++;
        return spaces == 0 ? bytes : bytes[spaces..];
    }

    /// <summary>A decoder for ids that come one at a time.</summary>
    /// <param name="skipSpecial">Whether special tokens are left out.</param>
    /// <param name="shown">Special tokens that are not; null for none.</param>
    public IncrementalDecoder CreateDecoder(bool skipSpecial = false, IReadOnlyCollection<int>? shown = null) => new(this, skipSpecial, shown ?? []);

    /// <summary>Id of a token by its name in the file (byte-level names are written as there: "Ġthe"); null if there is none.</summary>
    public int? TokenToId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _parts.Vocabulary.TryGet(token, out int id) ? id : null;
    }

    /// <summary>Name of a token in the file; null if the id is free or none of this vocabulary.</summary>
    public string? IdToToken(int id) => _parts.Vocabulary[id];

    /// <summary>The bytes that a token adds to a text.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary has no such id.</exception>
    public ReadOnlySpan<byte> IdToBytes(int id) => Piece(id, skipSpecial: false);

    /// <summary>Whether a token is control rather than text.</summary>
    public bool IsSpecial(int id) => _added.TryGetValue(id, out AddedToken? token) && token.IsSpecial;

    internal ReadOnlySpan<byte> Piece(int id, bool skipSpecial)
    {
        if ((uint)id >= (uint)_ends.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(id), id, $"the vocabulary has ids from 0 to {_ends.Length - 1}");
        }
        if (skipSpecial && _added.Count > 0 && IsSpecial(id)) return [];
        int start = id == 0 ? 0 : _ends[id - 1];
        return _text.AsSpan(start, _ends[id] - start);
    }

    private EncodingScratch Rent()
    {
        if (!_scratches.TryTake(out EncodingScratch? scratch)) return new EncodingScratch(_parts.Model);
        scratch.Ids.Clear();
        return scratch;
    }

    private static int ValidLength(ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes)) return bytes.Length;
        int valid = 0;
        while (Rune.DecodeFromUtf8(bytes[valid..], out _, out int length) == System.Buffers.OperationStatus.Done) valid += length;
        return valid;
    }
}
