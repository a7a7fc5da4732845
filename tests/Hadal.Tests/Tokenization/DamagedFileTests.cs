using System.Text;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Gguf;
using Hadal.Tokenization;

namespace Hadal.Tests.Tokenization;

/// <summary>Whatever a file says, the answer is a tokenizer or one sentence.</summary>
public sealed class DamagedFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hadal-damaged-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_damaged_tokenizer_json_is_refused_in_a_sentence() =>
        Fuzz("tokenizer.json", File.ReadAllBytes(SharedData.Fixture("stories260K/tokenizer.json")), 1200);

    [Fact]
    public void A_damaged_byte_level_tokenizer_json_is_refused_in_a_sentence() =>
        Fuzz("tokenizer.json", Encoding.UTF8.GetBytes(SmallFiles.Json), 1500);

    [Fact]
    public void A_damaged_GGUF_is_refused_in_a_sentence()
    {
        Fuzz("vocab.gguf", SmallFiles.Gguf("gpt2"), 1500);
        Fuzz("vocab.gguf", SmallFiles.Gguf("llama"), 1500);
    }

    [Fact]
    public void A_damaged_tiktoken_is_refused_in_a_sentence() => Fuzz("gpt2.tiktoken", SmallFiles.Tiktoken(), 1500);

    [Fact]
    public void Small_files_are_whole_before_they_are_damaged()
    {
        Assert.Equal("hello", RoundTrip("tokenizer.json", Encoding.UTF8.GetBytes(SmallFiles.Json), "hello"));
        Assert.Equal("hello", RoundTrip("vocab.gguf", SmallFiles.Gguf("gpt2"), "hello"));
        Assert.Equal("hello", RoundTrip("vocab.gguf", SmallFiles.Gguf("llama"), "hello"));
        Assert.Equal("hello", RoundTrip("gpt2.tiktoken", SmallFiles.Tiktoken(), "hello"));
    }

    [Theory]
    [InlineData("\"type\": \"BPE\"", "\"type\": \"Unigram\"", "model.type: the model 'Unigram' is not supported, expected 'BPE'.")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\": \"Nmt\"}", "normalizer.type: the normalizer 'Nmt' is not supported.")]
    [InlineData("\"ByteLevel\", \"use", "\"Bert\", \"use", "pre_tokenizer.type: the pre-tokenizer 'Bert' is not supported.")]
    [InlineData("\"h e\"", "\"h x\"", "model.merges[0]: the vocabulary has no 'x'.")]
    [InlineData("\"h e\"", "\"he\"", "model.merges[0]: found 'he', expected two tokens and a space.")]
    [InlineData("\"h\": 0", "\"h\": 1", "model.vocab: id 1 belongs to both 'h' and 'e'.")]
    [InlineData("\"h\": 0", "\"h\": 2000000000", "model.vocab: token 'h' has id 2000000000, expected one near the number of tokens.")]
    [InlineData("\"h\": 0", "\"\\ud800\": 0", "it has a string that is not Unicode before byte ")]
    [InlineData("{\"version\"", "[\"version\"", "it is not valid JSON at line 1.")]
    public void The_sentence_names_the_place(string old, string changed, string expected)
    {
        Assert.Contains(old, SmallFiles.Json);
        string path = Path.Combine(_folder, "tokenizer.json");
        File.WriteAllText(path, SmallFiles.Json.Replace(old, changed));
        TokenizerException e = Assert.Throws<TokenizerException>(() => Tokenizer.Load(path));
        Assert.StartsWith($"{path}: {expected}", e.Message);
    }

    [Fact]
    public void Missing_files_and_unknown_formats_are_named()
    {
        Assert.EndsWith("there is no such file or folder.", Assert.Throws<TokenizerException>(() => Tokenizer.Load("/no/such")).Message);
        Assert.Contains("has no tokenizer.json", Assert.Throws<TokenizerException>(() => Tokenizer.Load(_folder)).Message);
        string path = Path.Combine(_folder, "odd.tiktoken");
        File.WriteAllBytes(path, SmallFiles.Tiktoken());
        Assert.Contains("doesn't say how text is cut", Assert.Throws<TokenizerException>(() => Tokenizer.Load(path)).Message);
        Assert.Equal("hello", Tokenizer.Load(path, "qwen2").Decode(Tokenizer.Load(path, "qwen2").Encode("hello")));
        Assert.Contains("is not known", Assert.Throws<TokenizerException>(() => Tokenizer.Load(path, "quux")).Message);
    }

    [Fact]
    public void A_length_in_GGUF_makes_no_allocation()
    {
        byte[] gguf = SmallFiles.Gguf("gpt2");
        byte[] name = "tokenizer.ggml.tokens"u8.ToArray();
        int at = gguf.AsSpan().IndexOf(name) + name.Length + 8;
        BitConverter.TryWriteBytes(gguf.AsSpan(at), ulong.MaxValue / 2);
        CheckpointException e = Assert.Throws<CheckpointException>(() => GgufMetadata.Read("f.gguf", new MemoryStream(gguf)));
        Assert.Contains("'tokenizer.ggml.tokens' says it has", e.Message);
    }

    private string RoundTrip(string name, byte[] content, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, content);
        Tokenizer tokenizer = Tokenizer.Load(path);
        return tokenizer.Decode(tokenizer.Encode(text));
    }

    private void Fuzz(string name, byte[] whole, int rounds)
    {
        string path = Path.Combine(_folder, name);
        Random random = new(name.Length + whole.Length);
        int refused = 0;
        for (int round = 0; round < rounds; round++)
        {
            File.WriteAllBytes(path, Damaged(whole, random));
            try
            {
                Tokenizer tokenizer = Tokenizer.Load(path);
                int[] ids = tokenizer.Encode("hello, \u4F60\u597D \U0001F600 12", addSpecial: true, parseSpecial: true);
                tokenizer.Decode(ids);
            }
            catch (Exception e) when (e is TokenizerException or CheckpointException)
            {
                refused++;
                Assert.StartsWith(path, e.Message);
                Assert.DoesNotContain('\n', e.Message);
            }
        }

        Assert.InRange(refused, rounds / 20, rounds);
    }

    private static byte[] Damaged(byte[] whole, Random random)
    {
        byte[] damaged = (byte[])whole.Clone();
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            int at = random.Next(damaged.Length), length = Math.Min(random.Next(1, 12), damaged.Length - at);
            switch (random.Next(5))
            {
                case 0:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 1:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2 when damaged.Length > length:
                    damaged = [.. damaged[..at], .. damaged[(at + length)..]];
                    break;
                case 3:
                    int from = random.Next(damaged.Length - length + 1);
                    damaged = [.. damaged[..at], .. damaged[from..(from + length)], .. damaged[at..]];
                    break;
                default:
                    if (random.Next(4) == 0 && at > 0) damaged = damaged[..at];
                    else damaged.AsSpan(at, length).Fill((byte)(random.Next(2) * 255));
                    break;
            }
        }

        return damaged;
    }
}
