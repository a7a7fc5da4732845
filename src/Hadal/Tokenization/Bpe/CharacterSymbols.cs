using System.Buffers;
using System.Text;

namespace Hadal.Tokenization.Bpe;

/// <summary>Ids of single characters: a table for the first plane, a dictionary beyond it.</summary>
internal sealed class CharacterSymbols
{
    private readonly int[] _plane = new int[0x10000];
    private readonly Dictionary<int, int> _beyond = [];

    private CharacterSymbols() => Array.Fill(_plane, -1);

    /// <summary>The characters that are tokens.</summary>
    public static CharacterSymbols Of(Vocabulary vocabulary, Func<int, bool>? counts = null)
    {
        CharacterSymbols symbols = new();
        for (int id = 0; id < vocabulary.Size; id++)
        {
            if (vocabulary[id] is not { } name || counts?.Invoke(id) == false) continue;
            if (Rune.DecodeFromUtf16(name, out Rune rune, out int length) != OperationStatus.Done || length != name.Length) continue;
            symbols[rune.Value] = id;
        }

        return symbols;
    }

    /// <summary>Id of a character, or -1.</summary>
    public int this[int codePoint]
    {
        get => codePoint < 0x10000 ? _plane[codePoint] : _beyond.GetValueOrDefault(codePoint, -1);
        set
        {
            if (codePoint < 0x10000) _plane[codePoint] = value;
            else _beyond[codePoint] = value;
        }
    }
}
