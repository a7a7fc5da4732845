using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Hadal.Tokenization.Bpe;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization.Formats;

/// <summary>
/// Reads .tiktoken: a line for each token, its bytes in base64 and its rank, which is its id. Some tools write the byte-level text of a
/// token instead of its bytes; no such file has a token that is a lone space or a byte beyond ASCII, and every file of bytes has. How
/// text is cut and which tokens are special isn't in the file: a name says the former, the files beside it the latter.
/// </summary>
internal static class Tiktoken
{
    // A line is a token of at most this many characters; longer ones mean that it is some other file.
    private const int LongestLine = 1 << 14;

    /// <summary>Reads a file.</summary>
    public static TokenizerParts Read(string path, string? pattern)
    {
        List<(byte[] Bytes, long Rank)> tokens = Lines(path);
        bool areBytes = tokens.Exists(token => token.Bytes is [0x20 or >= 0x80]);
        Vocabulary vocabulary = new(tokens.Count);
        List<AddedToken> added = [];
        List<int> pieces = new(tokens.Count);
        for (int i = 0; i < tokens.Count; i++)
        {
            (byte[] bytes, long rank) = tokens[i];
            string name = areBytes ? ByteAlphabet.Text(bytes) : Utf8(path, i, bytes);
            if (vocabulary.Add(name, rank) is { } problem) throw new TokenizerException(path, $"line {i + 1}: {problem}");
            // In byte-level text, what isn't in the alphabet is a special token that is kept in the list.
            if (areBytes || ByteAlphabet.TryBytes(name, out _)) pieces.Add((int)rank);
            else added.Add(new AddedToken((int)rank, name, IsSpecial: true));
        }

        float[] scores = new float[vocabulary.Size];
        for (int id = 0; id < scores.Length; id++) scores[id] = -id;
        ScoredMerges merges = new(vocabulary, [.. pieces], scores);
        ByteLevelBpe model = new(vocabulary, merges.Table, ignoreMerges: true);
        if (model.MissingByte is >= 0 and int missing && merges.Unnamed.Count > 0)
        {
            throw new TokenizerException(path, $"no token is the byte 0x{missing:x2}, expected all that longer tokens are made of");
        }

        AddSpecials(path, vocabulary, added);
        return new TokenizerParts
        {
            Path = path,
            Vocabulary = vocabulary,
            Model = model,
            PreTokenizers = Patterns.Isolating(path, PatternsOf(path, pattern)),
            Text = new TokenText { IsByteLevel = true },
            AddedTokens = added,
        };
    }

    private static List<(byte[] Bytes, long Rank)> Lines(string path)
    {
        ReadOnlySpan<byte> text = TokenizerException.ReadFile(path);
        List<(byte[], long)> tokens = [];
        byte[] decoded = new byte[LongestLine];
        for (int line = 1; !text.IsEmpty; line++)
        {
            int end = text.IndexOf((byte)'\n');
            ReadOnlySpan<byte> content = (end < 0 ? text : text[..end]).TrimEnd((byte)'\r');
            text = end < 0 ? default : text[(end + 1)..];
            if (content.IsEmpty) continue;
            int space = content.IndexOf((byte)' ');
            bool valid = space > 0 && content.Length <= LongestLine
                && Base64.DecodeFromUtf8(content[..space], decoded, out _, out int length) == OperationStatus.Done && length > 0;
            if (!valid || !Utf8Parser.TryParse(content[(space + 1)..], out int rank, out int digits) || rank < 0 || digits != content.Length - space - 1)
            {
                string found = TokenizerException.Quote(Encoding.UTF8.GetString(content[..Math.Min(content.Length, 80)]));
                throw new TokenizerException(path, $"line {line} is {found}, expected base64, a space and a rank");
            }

            Base64.DecodeFromUtf8(content[..space], decoded, out _, out int count);
            tokens.Add((decoded[..count], rank));
        }

        return tokens.Count > 0 ? tokens : throw new TokenizerException(path, "the file has no tokens");
    }

    private static string Utf8(string path, int line, byte[] bytes) => System.Text.Unicode.Utf8.IsValid(bytes)
        ? Encoding.UTF8.GetString(bytes)
        : throw new TokenizerException(path, $"line {line + 1} is neither a byte-level text nor part of a file that has all bytes as tokens");

    private static string[] PatternsOf(string path, string? given)
    {
        if (given is not null)
        {
            return Patterns.Named(given) ?? throw new TokenizerException(path, $"the pattern {TokenizerException.Quote(given)} is not known");
        }

        string name = Path.GetFileNameWithoutExtension(path).ToLowerInvariant();
        (string Part, string Pattern)[] known =
        [
            ("deepseek", "deepseek-v3"), ("qwen", "qwen2"), ("llama", "llama-bpe"), ("cl100k", "llama-bpe"), ("o200k", "gpt-4o"), ("gpt2", "gpt-2"),
            ("r50k", "gpt-2"), ("p50k", "gpt-2"),
        ];
        return known.FirstOrDefault(one => name.Contains(one.Part, StringComparison.Ordinal)).Pattern is { } found
            ? Patterns.Named(found)!
            : throw new TokenizerException(
                path, "the file doesn't say how text is cut and its name is none that is known, expected the name of a pattern");
    }

    // NAME_special.json is {"token": id}; tokenizer_config.json may list added_tokens_decoder as {"id": {"content": ...}}.
    private static void AddSpecials(string path, Vocabulary vocabulary, List<AddedToken> added)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!, name = Path.GetFileNameWithoutExtension(path);
        string specials = Path.Combine(folder, $"{name}_special.json"), settings = Path.Combine(folder, "tokenizer_config.json");
        if (File.Exists(specials))
        {
            JsonPlace.Read(specials, root =>
            {
                foreach ((string content, JsonPlace id) in root.Properties()) Add(id, content, id.Number(), isSpecial: true);
                return 0;
            });
        }
        else if (File.Exists(settings))
        {
            JsonPlace.Read(settings, root =>
            {
                if (!root.Has("added_tokens_decoder")) return 0;
                foreach ((string number, JsonPlace token) in root["added_tokens_decoder"].Properties())
                {
                    token.Refuse(token.Kind != JsonValueKind.Object || !int.TryParse(number, out _), "found something else than tokens by id");
                    Add(token, token["content"].Text(), int.Parse(number, null), token["special"].Flag(true));
                }

                return 0;
            });
        }
        else if (name is "gpt2" or "r50k_base")
        {
            const string EndOfText = "<|endoftext|>";
            if (vocabulary.Add(EndOfText, 50256) is null) added.Add(new AddedToken(50256, EndOfText, IsSpecial: true));
        }

        void Add(JsonPlace place, string content, long id, bool isSpecial)
        {
            if (vocabulary.Add(content, id) is { } problem) throw place.Problem(problem);
            if (!added.Exists(token => token.Id == id)) added.Add(new AddedToken((int)id, content, isSpecial));
        }
    }
}
