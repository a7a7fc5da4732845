using System.Text;
using Hadal.Tokenization.Bpe;

namespace Hadal.Tokenization;

/// <summary>
/// How a token's name becomes text again. All decoders of tokenizer.json that are known here work token by token, but for the spaces
/// that are taken from the very start of the text.
/// </summary>
internal sealed class TokenText
{
    private readonly List<Func<string, string>> _rewrites = [];

    /// <summary>Whether names are bytes written in <see cref="ByteAlphabet"/>.</summary>
    public bool IsByteLevel { get; set; }

    /// <summary>Whether names such as "&lt;0x0A&gt;" are bytes.</summary>
    public bool HasByteFallback { get; set; }

    /// <summary>How many spaces the start of a text loses.</summary>
    public int LeadingSpaces { get; set; }

    /// <summary>Adds a change of every name.</summary>
    public void Rewrite(Func<string, string> rewrite) => _rewrites.Add(rewrite);

    /// <summary>What a token of the vocabulary adds to a text.</summary>
    public byte[] Bytes(string name)
    {
        if (HasByteFallback && TryByteName(name, out byte value)) return [value];
        foreach (Func<string, string> rewrite in _rewrites) name = rewrite(name);
        return IsByteLevel && ByteAlphabet.TryBytes(name, out byte[] bytes) ? bytes : Encoding.UTF8.GetBytes(name);
    }

    /// <summary>Whether a name is "&lt;0x..&gt;", and of which byte.</summary>
    public static bool TryByteName(string name, out byte value)
    {
        value = 0;
        return name.Length == 6 && name.StartsWith("<0x", StringComparison.Ordinal) && name[5] == '>'
            && byte.TryParse(name.AsSpan(3, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out value);
    }
}
