using System.Globalization;
using System.Text.RegularExpressions;

namespace Hadal.Tokenization.PreTokenization;

/// <summary>
/// Any pattern that has no hand-written form. .NET matches UTF-16, where a character beyond the first plane is two of no class; so each
/// is first replaced by one rare character of its category, which keeps all that a pattern without such literals can see of it.
/// </summary>
internal sealed class RegexFinder : MatchFinder
{
    // A pattern from a file may take exponential time.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly Regex _regex;
    private readonly string _path;

    /// <summary>Translates a pattern.</summary>
    /// <exception cref="TokenizerException">.NET can't express it.</exception>
    public RegexFinder(string path, string place, string pattern)
    {
        _path = path;
        try
        {
            _regex = new Regex(OnigurumaPattern.Translate(pattern), RegexOptions.CultureInvariant, s_patience);
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            string reason = e is FormatException ? e.Message : "it is not a regular expression";
            throw new TokenizerException(path, $"{place} has a pattern that can't be used, {TokenizerException.Quote(pattern)}: {reason}", e);
        }
    }

    /// <inheritdoc/>
    public override void Find(ReadOnlySpan<char> piece, ref MatchSink matches)
    {
        try
        {
            int pair = piece.IndexOfAnyInRange('\uD800', '\uDFFF');
            if (pair < 0)
            {
                foreach (ValueMatch match in _regex.EnumerateMatches(piece)) matches.Match(match.Index, match.Index + match.Length);
                return;
            }

            char[] simple = new char[piece.Length];
            int[] places = new int[piece.Length + 1];
            int count = 0;
            for (int at = 0; at < piece.Length; count++)
            {
                int code = CharClasses.CodePoint(piece, at, out int width);
                simple[count] = code < 0x10000 ? (char)code : StandIn(code);
                places[count] = at;
                at += width;
            }

            places[count] = piece.Length;
            foreach (ValueMatch match in _regex.EnumerateMatches(simple.AsSpan(0, count)))
            {
                matches.Match(places[match.Index], places[match.Index + match.Length]);
            }
        }
        catch (RegexMatchTimeoutException e)
        {
            string pattern = TokenizerException.Quote(e.Pattern);
            throw new TokenizerException(_path, $"the pattern {pattern} took longer than {s_patience.TotalSeconds:F0} s on a text", e);
        }
    }

    private static char StandIn(int codePoint) => CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
    {
        UnicodeCategory.UppercaseLetter => '\uA640',
        UnicodeCategory.LowercaseLetter => '\uA641',
        UnicodeCategory.TitlecaseLetter => '\u1F88',
        UnicodeCategory.ModifierLetter => '\uA717',
        UnicodeCategory.OtherLetter => '\uA000',
        UnicodeCategory.NonSpacingMark => '\uA674',
        UnicodeCategory.SpacingCombiningMark => '\uA880',
        UnicodeCategory.EnclosingMark => '\uA670',
        UnicodeCategory.DecimalDigitNumber => '\uA620',
        UnicodeCategory.LetterNumber => '\uA6E6',
        UnicodeCategory.OtherNumber => '\uA830',
        UnicodeCategory.ConnectorPunctuation => '\uFE33',
        UnicodeCategory.DashPunctuation => '\uFE31',
        UnicodeCategory.OpenPunctuation => '\uFE35',
        UnicodeCategory.ClosePunctuation => '\uFE36',
        UnicodeCategory.InitialQuotePunctuation => '\u2E02',
        UnicodeCategory.FinalQuotePunctuation => '\u2E03',
        UnicodeCategory.OtherPunctuation => '\uA6F2',
        UnicodeCategory.MathSymbol => '\uFB29',
        UnicodeCategory.CurrencySymbol => '\uA838',
        UnicodeCategory.ModifierSymbol => '\uA720',
        UnicodeCategory.OtherSymbol => '\uA828',
        UnicodeCategory.Format => '\uFFF9',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\uFFFE',
    };
}
