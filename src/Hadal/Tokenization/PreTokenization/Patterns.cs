namespace Hadal.Tokenization.PreTokenization;

/// <summary>
/// The patterns that models are made with. Those of <see cref="Find"/> have a scanner written by hand, recognised by their exact text;
/// any other goes to <see cref="RegexFinder"/>.
/// </summary>
internal static class Patterns
{
    /// <summary>GPT-2.</summary>
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";

    /// <summary>Llama 3.</summary>
    public const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Qwen2.</summary>
    public const string Qwen2 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Numbers of up to three digits, isolated before all else by DeepSeek V3.</summary>
    public const string Digits3 = @"\p{N}{1,3}";

    /// <summary>Chinese and Japanese, as DeepSeek V3 isolates them.</summary>
    public const string DeepSeek3Cjk = "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+";

    /// <summary>Everything else of DeepSeek V3; its line breaks are characters, not escapes.</summary>
    public const string DeepSeek3 =
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|"
        + "\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

    /// <summary>
    /// Letters of the alphabets that have cases, as DeepSeek LLM lists them. Escaped, since an editor that normalizes text would change
    /// what some of them are.
    /// </summary>
    public const string DeepSeekLlmLetters =
        "\\s?[A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373\u0376\u0377"
        + "\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556"
        + "\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15"
        + "\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE"
        + "\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113"
        + "\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184"
        + "\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E"
        + "\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A\U00010400-\U0001044F\U000104B0-\U000104D3"
        + "\U000104D8-\U000104FB\U00010C80-\U00010CB2\U00010CC0-\U00010CF2\U000118A0-\U000118DF\U0001E900-\U0001E943]+";

    /// <summary>Punctuation, as DeepSeek LLM lists it.</summary>
    public const string DeepSeekLlmSigns = "\\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+";

    /// <summary>Chinese, Japanese and Korean, as DeepSeek's first models isolate them.</summary>
    public const string DeepSeekCjk = "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+";

    private const string O200k =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        + @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        + @"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The finder of a pattern.</summary>
    /// <exception cref="TokenizerException">Nothing here can do what the pattern says.</exception>
    public static MatchFinder Find(string path, string place, string pattern) => pattern switch
    {
        Gpt2 or Gpt2 + @"|\s+" or @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+" => new Gpt2Pattern(),
        Llama3 => new Cl100kPattern(3),
        Qwen2 => new Cl100kPattern(1),
        DeepSeek3 => new DeepSeekPattern(),
        Digits3 => new Numbers(3),
        @"\p{N}" => new Numbers(1),
        @"\p{N}+" => new Numbers(int.MaxValue),
        "[\r\n]" or @"[\r\n]" => new Run(new CodePointSet(CharClass.LineBreak), leadingSpace: false, single: true),
        @"\s?\p{L}+" => new Run(new CodePointSet(CharClass.Letter), leadingSpace: true),
        @"\s?\p{P}+" => new Run(new CodePointSet(CharClass.Punctuation), leadingSpace: true),
        _ when Ranges(pattern) is { } run => run,
        _ => new RegexFinder(path, place, pattern),
    };

    /// <summary>Steps that isolate the matches of named patterns, one after the other.</summary>
    public static PreTokenizer[] Isolating(string path, string[] patterns)
    {
        return [.. patterns.Select(pattern => new Split(One(pattern), SplitBehavior.Isolated, invert: false))];

        // Oniguruma's $ would match before a line break too, but DeepSeek LLM, which has it, has isolated those before.
        MatchFinder One(string pattern) => pattern == @"\s+$" ? new TrailingSpace() : Find(path, "the way to cut text", pattern);
    }

    /// <summary>The patterns behind a name of tokenizer.ggml.pre, each isolated in turn; null for a name that isn't known.</summary>
    public static string[]? Named(string name) => name switch
    {
        "gpt-2" or "gpt2" or "mpt" or "olmo" or "jina-es" or "jina-de" or "phi-2" or "roberta-bpe" or "trillion" => [Gpt2],
        "default" => [@"[\p{P}\$\+<=>\^~\|]+", Gpt2, @"\p{N}+", "[0-9][0-9][0-9]"],
        "llama-bpe" or "llama3" or "llama-v3" or "falcon3" or "dbrx" or "smaug-bpe" or "glm4" or "chatglm-bpe" => [Llama3],
        "qwen2" or "stablelm2" or "deepseek-r1-qwen" or "megrez" or "hunyuan" => [Qwen2],
        "deepseek-v3" or "deepseek3" or "hunyuan-dense" => [Digits3, DeepSeek3Cjk, DeepSeek3],
        "deepseek-llm" => [@"[\r\n]", DeepSeekLlmLetters, DeepSeekLlmSigns, @"\s+$", DeepSeekCjk, @"\p{N}+"],
        "deepseek-coder" => [@"[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", DeepSeekCjk, @"\p{N}"],
        "starcoder" or "refact" or "command-r" or "smollm" or "codeshell" or "exaone" or "minerva-7b" => [@"\p{N}", Gpt2],
        "falcon" => [@"[\p{P}\$\+<=>\^~\|`]+", Gpt2, "[0-9][0-9][0-9]"],
        "gpt-4o" => [O200k],
        _ => null,
    };

    // Of names that mean the same, the one that most readers know.
    private static readonly string[] s_written =
        ["gpt-2", "llama-bpe", "qwen2", "deepseek-v3", "deepseek-llm", "deepseek-coder", "starcoder", "falcon", "gpt-4o", "default"];

    /// <summary>The name in tokenizer.ggml.pre of patterns that are isolated in turn; null if they have none.</summary>
    public static string? NameOf(IReadOnlyList<string> patterns)
    {
        string[] spelled = [.. patterns.Select(Spelled)];
        return s_written.FirstOrDefault(name => Named(name)!.Select(Spelled).SequenceEqual(spelled));
    }

    // GPT-2's pattern comes in several spellings, which Find knows.
    private static string Spelled(string pattern) => pattern switch
    {
        Gpt2 + @"|\s+" or @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+" => Gpt2,
        @"[\r\n]" => "[\r\n]",
        _ => pattern,
    };

    // [a-b...]+ or \s?[a-b...]+ with nothing but characters and ranges in the class, which may lie beyond the first plane.
    private static Run? Ranges(string pattern)
    {
        bool leadingSpace = pattern.StartsWith(@"\s?", StringComparison.Ordinal);
        ReadOnlySpan<char> rest = pattern.AsSpan(leadingSpace ? 3 : 0);
        if (rest.Length < 4 || rest[0] != '[' || !rest.EndsWith("]+")) return null;
        ReadOnlySpan<char> inside = rest[1..^2];
        if (inside.ContainsAny(@"\[]&") || inside[0] is '^' or '-' || inside[^1] == '-') return null;
        return CodePointSet.TryParse(inside, out CodePointSet? set) ? new Run(set, leadingSpace) : null;
    }
}
