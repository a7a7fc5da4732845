namespace Hadal.Tokenization.Templates.Values;

/// <summary>What Python takes for white space: Unicode's, and the four separators of ASCII that .NET leaves out.</summary>
internal static class Whitespace
{
    public static bool Is(char c) => char.IsWhiteSpace(c) || c is >= '\u001c' and <= '\u001f';
}
