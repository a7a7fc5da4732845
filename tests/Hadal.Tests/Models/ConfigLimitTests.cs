using System.Globalization;
using System.Text;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Models;

/// <summary>Whatever a config.json says, reading it and describing the model ends soon, in bounded memory, well or with one kind of error.</summary>
public sealed class ConfigLimitTests
{
    private static readonly string[] s_fixtures =
        ["deepseek-v2", "deepseek-v2-lite", "deepseek-v3", "deepseek-r1-distill-qwen-1.5b", "deepseek-r1-distill-llama-8b"];

    [Theory]
    [InlineData("deepseek-v3", "num_hidden_layers", "2147483647", "at most 4096")]
    [InlineData("deepseek-v3", "n_routed_experts", "2147483647", "at most 16384")]
    [InlineData("deepseek-v3", "num_nextn_predict_layers", "2147483647", "at most 64")]
    [InlineData("deepseek-v3", "num_attention_heads", "2147483647", "at most 65536")]
    [InlineData("deepseek-v3", "vocab_size", "2147483647", "at most 16777216")]
    [InlineData("deepseek-v3", "vocab_size", "99999999999999999999", "at most 16777216")]
    [InlineData("deepseek-v3", "moe_intermediate_size", "16777216", "n_routed_experts * moe_intermediate_size")]
    [InlineData("deepseek-v3", "v_head_dim", "16777216", "num_attention_heads")]
    [InlineData("deepseek-v3", "qk_nope_head_dim", "16777216", "num_attention_heads")]
    [InlineData("deepseek-v3", "kv_lora_rank", "16777216", "kv_lora_rank")]
    [InlineData("deepseek-r1-distill-llama-8b", "head_dim", "16777216", "num_attention_heads * 2 * head_dim")]
    [InlineData("deepseek-r1-distill-llama-8b", "intermediate_size", "2147483648", "at most 16777216")]
    public void An_absurd_size_is_refused_at_once(string fixture, string key, string raw, string expected)
    {
        ConfigText text = ConfigText.Fixture(fixture).With(key, raw);
        if (key == "num_attention_heads") text = text.With("num_key_value_heads", raw);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(expected, ConfigErrorTests.MessageOf(text.ToString()));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void A_product_beyond_64_bits_is_refused()
    {
        ConfigText text = ConfigText.Fixture("deepseek-v3")
            .With("n_routed_experts", "16384").With("moe_intermediate_size", "16777216").With("hidden_size", "16777216").With("vocab_size", "1");
        Assert.Contains("elements in one array", ConfigErrorTests.MessageOf(text.ToString()));
        Assert.Contains("vocab_size * hidden_size", ConfigErrorTests.MessageOf(text.With("vocab_size", "16777216").ToString()));
    }

    [Fact]
    public void The_largest_model_allowed_can_be_described_and_counted()
    {
        ConfigText text = ConfigText.Fixture("deepseek-v3").With("num_hidden_layers", "4096").With("n_routed_experts", "16384");
        long native = NativeBuffer.LiveBytes, before = GC.GetAllocatedBytesForCurrentThread();
        using Transformer model = new(text.Read());
        Assert.InRange(ModelSize.Of(model).Main, 1L << 50, long.MaxValue);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 128 << 20);
        Assert.InRange(NativeBuffer.LiveBytes - native, long.MinValue, 1 << 30);
    }

    [Fact]
    public void Damaged_settings_are_read_or_refused_and_nothing_else()
    {
        Random random = new(20);
        int read = 0, refused = 0;
        string folder = Directory.CreateTempSubdirectory("hadal-mutations-").FullName, path = Path.Combine(folder, "config.json");
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 3_200; i++)
        {
            ConfigText text = ConfigText.Fixture(s_fixtures[i % s_fixtures.Length]);
            byte[] bytes = i % 2 == 0 ? Encoding.UTF8.GetBytes(MutateValues(text, random).ToString()) : MutateBytes(text.ToString(), random);
            File.WriteAllBytes(path, bytes);
            try
            {
                using Transformer model = new(ModelConfig.Read(path));
                ModelSize size = ModelSize.Of(model);
                Assert.True(size.Main > 0 && size.ActivePerToken > 0 && size.Modules >= 0 && size.CacheElementsPerToken > 0);
                Assert.NotEmpty(model.Config.ToJson(ElementType.BF16));
                read++;
            }
            catch (ConfigurationException e)
            {
                Assert.Matches(@"^\S*config\.json: [^\r\n]+\.$", e.Message);
                refused++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"mutation {i}: {e.GetType().Name} {e.Message}\n{Encoding.UTF8.GetString(bytes)}");
            }
        }

        Directory.Delete(folder, recursive: true);
        Assert.True(read > 200 && refused > 1_000, $"{read} read, {refused} refused");
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 3_200, 0, 1 << 20);
    }

    private static ConfigText MutateValues(ConfigText text, Random random)
    {
        string[] keys = [.. text.Keys];
        string[] values =
        [
            "0", "1", "-1", "2", "3", "8", "64", "4097", "16777216", "16777217", "2147483647", "2147483648", "9223372036854775807", "1e308", "1e999",
            "1e-320", "0.5", "-0.0", "null", "true", "false", "\"\"", "\"yarn\"", "\"softmax\"", "[]", "[1]", "{}", "\"\\u0000\"",
            """{"type": "yarn", "factor": 1e30, "original_max_position_embeddings": 1, "beta_fast": 1e38, "beta_slow": 1e-37}""",
        ];
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            string key = keys[random.Next(keys.Length)];
            text = random.Next(8) switch
            {
                0 => text.Without(key),
                1 => text.WithMore(key, text.Keys.Contains(key) ? text[key] : "1"),
                2 => text.With(key, text.Keys.Contains(keys[0]) ? text[keys[0]] : "1"),
                3 => text.With(key, random.Next().ToString(CultureInfo.InvariantCulture)),
                _ => text.With(key, values[random.Next(values.Length)]),
            };
            if (text.Keys.Distinct().Count() != text.Keys.Count()) break;
        }

        return text;
    }

    private static byte[] MutateBytes(string text, Random random)
    {
        List<byte> bytes = [.. Encoding.UTF8.GetBytes(text)];
        for (int changes = random.Next(1, 5); changes > 0 && bytes.Count > 0; changes--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(4))
            {
                case 0: bytes.RemoveAt(at); break;
                case 1: bytes.Insert(at, (byte)random.Next(256)); break;
                case 2: bytes[at] = (byte)"0123456789.eE-+\"{}[],: \\"[random.Next(24)]; break;
                default: bytes[at] ^= (byte)(1 << random.Next(8)); break;
            }
        }

        return [.. bytes];
    }
}
