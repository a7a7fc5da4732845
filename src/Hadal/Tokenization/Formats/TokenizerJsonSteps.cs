using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Hadal.Tokenization.Normalization;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization.Formats;

/// <summary>The normalizer, pre_tokenizer, decoder and post_processor of tokenizer.json.</summary>
internal sealed class TokenizerJsonSteps
{
    private readonly string _path;
    private readonly JsonPlace _root;
    private readonly List<string> _patterns = [];
    private bool _cutsBytes;
    private bool _cutsOtherwise;

    public TokenizerJsonSteps(string path, JsonPlace root)
    {
        _path = path;
        _root = root;
        Normalizers = [.. Flatten(root["normalizer"], "normalizers").Select(Normalizer)];
        PreTokenizers = [.. Flatten(root["pre_tokenizer"], "pretokenizers").SelectMany(PreTokenizer)];
    }

    public Normalizer[] Normalizers { get; }

    public PreTokenizer[] PreTokenizers { get; }

    /// <summary>The patterns that isolate pieces, in order; null if some step cuts in another way.</summary>
    public IReadOnlyList<string>? CutPatterns => _cutsOtherwise ? null : _patterns;

    /// <summary>Whether the pieces are bytes written in the byte alphabet, which ByteLevel among the pre-tokenizers says.</summary>
    public bool IsByteLevel => _cutsBytes;

    /// <summary>How names become text.</summary>
    public TokenText Decoder()
    {
        TokenText text = new();
        JsonPlace decoder = _root["decoder"];
        if (decoder.IsNull)
        {
            // A file without decoder still means that its text can be had back.
            text.IsByteLevel = IsByteLevel;
            return text;
        }

        bool fused = false;
        foreach (JsonPlace step in Flatten(decoder, "decoders"))
        {
            switch (Type(step))
            {
                case "ByteLevel":
                    text.IsByteLevel = true;
                    break;
                case "ByteFallback":
                    text.HasByteFallback = true;
                    break;
                case "Fuse":
                    fused = true;
                    break;
                case "Replace":
                    string pattern = step["pattern"]["String"].Text(), content = step["content"].Text();
                    step["pattern"].Refuse(pattern.Length == 0, "found nothing to replace");
                    step.Refuse(fused && pattern.Length > 1, "replacing several characters after Fuse is not supported");
                    text.Rewrite(name => name.Replace(pattern, content, StringComparison.Ordinal));
                    break;
                case "Strip":
                    StripDecoder(step, text, fused);
                    break;
                case "Metaspace":
                    char mark = step["replacement"].Character('\u2581');
                    text.Rewrite(name => name.Replace(mark, ' '));
                    if (Scheme(step) != PrependScheme.Never) text.LeadingSpaces = 1;
                    break;
                default:
                    throw Unknown(step, "decoder");
            }
        }

        return text;
    }

    /// <summary>Reads which tokens belong before and behind a text.</summary>
    public void PostProcess(TokenizerParts parts)
    {
        foreach (JsonPlace step in Flatten(_root["post_processor"], "processors"))
        {
            switch (Type(step))
            {
                case "ByteLevel":
                    // It trims offsets, which nothing here has.
                    break;
                case "TemplateProcessing":
                    Template(step, parts);
                    break;
                default:
                    throw Unknown(step, "post-processor");
            }
        }
    }

    private static void Template(JsonPlace step, TokenizerParts parts)
    {
        JsonPlace ids = step["special_tokens"];
        List<int> before = [], behind = [];
        bool seen = false;
        foreach (JsonPlace item in step["single"].Items())
        {
            if (item.Has("Sequence"))
            {
                item.Refuse(seen, "found the text for the second time");
                seen = true;
                continue;
            }

            string name = item["SpecialToken"]["id"].Text();
            foreach (JsonPlace id in ids[name]["ids"].Items())
            {
                long value = id.Number();
                id.Refuse(value < 0 || value >= parts.Vocabulary.Size, $"found {value}, expected an id below {parts.Vocabulary.Size}");
                (seen ? behind : before).Add((int)value);
            }
        }

        step["single"].Refuse(!seen, "found no place for the text");
        parts.Before = [.. before];
        parts.Behind = [.. behind];
        if (before.Count > 0) parts.BosId = before[0];
    }

    private static void StripDecoder(JsonPlace step, TokenText text, bool fused)
    {
        char content = step["content"].Character(' ');
        int start = Count(step["start"]), stop = Count(step["stop"]);
        if (!fused)
        {
            text.Rewrite(name => StripEnds(name, content, start, stop));
            return;
        }

        step.Refuse(stop > 0 || content != ' ', "stripping anything but spaces at the start of the whole text is not supported");
        text.LeadingSpaces = start;
    }

    private static string StripEnds(string name, char content, int start, int stop)
    {
        int from = 0, to = name.Length;
        while (from < start && from < to && name[from] == content) from++;
        for (int i = 0; i < stop && to > from && name[to - 1] == content; i++) to--;
        return name[from..to];
    }

    private static int Count(JsonPlace place)
    {
        long count = place.IsNull ? 0 : place.Number();
        return count is >= 0 and <= 1024 ? (int)count : throw place.Wrong("a number from 0 to 1024");
    }

    private Normalizer Normalizer(JsonPlace step)
    {
        switch (Type(step))
        {
            case "Prepend":
                return new Prepend(step["prepend"].Text());
            case "Replace":
                JsonPlace pattern = step["pattern"];
                if (pattern.Has("Regex")) return new ReplaceMatches(Expression(pattern["Regex"]), step["content"].Text());
                pattern["String"].Refuse(pattern["String"].Text().Length == 0, "found nothing to replace");
                return new Replace(pattern["String"].Text(), step["content"].Text());
            case "NFC":
                return new UnicodeForm(NormalizationForm.FormC);
            case "NFD":
                return new UnicodeForm(NormalizationForm.FormD);
            case "NFKC":
                return new UnicodeForm(NormalizationForm.FormKC);
            case "NFKD":
                return new UnicodeForm(NormalizationForm.FormKD);
            case "Lowercase":
                return new Lowercase();
            case "Strip":
                return new Normalization.Strip(step["strip_left"].Flag(true), step["strip_right"].Flag(true));
            default:
                throw Unknown(step, "normalizer");
        }
    }

    private Regex Expression(JsonPlace pattern)
    {
        try
        {
            return new Regex(OnigurumaPattern.Translate(pattern.Text()), RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            throw new TokenizerException(_path, $"{pattern.Place} has a pattern that can't be used, {TokenizerException.Quote(pattern.Text())}", e);
        }
    }

    private IEnumerable<PreTokenizer> PreTokenizer(JsonPlace step)
    {
        step.Refuse(_cutsBytes, "found a step after ByteLevel, which is supported at the end only");
        switch (Type(step))
        {
            case "Split":
                JsonPlace pattern = step["pattern"];
                Cut(pattern.Has("String") ? null : pattern["Regex"].Text(), Behavior(step) == SplitBehavior.Isolated && !step["invert"].Flag(false));
                MatchFinder finder = pattern.Has("String")
                    ? new RegexFinder(_path, step.Place, Regex.Escape(pattern["String"].Text()))
                    : Patterns.Find(_path, step.Place, pattern["Regex"].Text());
                return [new Split(finder, Behavior(step), step["invert"].Flag(false))];
            case "Digits":
                SplitBehavior digits = step["individual_digits"].Flag(false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous;
                Cut(digits == SplitBehavior.Isolated ? @"\p{N}" : @"\p{N}+");
                return [new Split(new Numbers(1), digits, invert: false)];
            case "Punctuation":
                Cut(null);
                CodePointSet signs = new(CharClass.Punctuation, ('!', '/'), (':', '@'), ('[', '`'), ('{', '~'));
                return [new Split(new Run(signs, leadingSpace: false, single: true), Behavior(step), invert: false)];
            case "Metaspace":
                Cut(null);
                return [new Metaspace(step["replacement"].Character('\u2581'), Scheme(step), step["split"].Flag(true))];
            case "ByteLevel":
                _cutsBytes = true;
                List<PreTokenizer> steps = [];
                if (step["add_prefix_space"].Flag(true))
                {
                    Cut(null);
                    steps.Add(new PrefixSpace());
                }

                if (step["use_regex"].Flag(true)) Cut(Patterns.Gpt2);
                if (step["use_regex"].Flag(true)) steps.Add(new Split(new Gpt2Pattern(), SplitBehavior.Isolated, invert: false));
                return steps;
            default:
                throw Unknown(step, "pre-tokenizer");
        }
    }

    private void Cut(string? pattern, bool isolates = true)
    {
        if (pattern is null || !isolates) _cutsOtherwise = true;
        else _patterns.Add(pattern);
    }

    private static SplitBehavior Behavior(JsonPlace step) => step["behavior"].TextOrNull() switch
    {
        "Isolated" or null => SplitBehavior.Isolated,
        "Removed" => SplitBehavior.Removed,
        "Contiguous" => SplitBehavior.Contiguous,
        "MergedWithPrevious" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" => SplitBehavior.MergedWithNext,
        _ => throw step["behavior"].Wrong("Isolated, Removed, Contiguous, MergedWithPrevious or MergedWithNext"),
    };

    // Older files say add_prefix_space.
    private static PrependScheme Scheme(JsonPlace step) => step["prepend_scheme"].TextOrNull() switch
    {
        "always" => PrependScheme.Always,
        "first" => PrependScheme.First,
        "never" => PrependScheme.Never,
        null => step["add_prefix_space"].Flag(true) ? PrependScheme.Always : PrependScheme.Never,
        _ => throw step["prepend_scheme"].Wrong("always, first or never"),
    };

    private static string Type(JsonPlace step) => step.Kind == JsonValueKind.Object ? step["type"].Text() : throw step.Wrong("an object");

    private static TokenizerException Unknown(JsonPlace step, string kind) =>
        step["type"].Problem($"the {kind} {TokenizerException.Quote(step["type"].Text())} is not supported");

    private static IEnumerable<JsonPlace> Flatten(JsonPlace step, string list)
    {
        if (step.IsNull) return [];
        return Type(step) == "Sequence" ? step[list].Items().SelectMany(item => Flatten(item, list)) : [step];
    }
}
