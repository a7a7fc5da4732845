using System.Buffers.Binary;
using System.Text;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints;

/// <summary>
/// A model's folder damaged at random is read, or refused with one of the two exceptions that say what is wrong; no native memory stays
/// behind, and little is taken. Seeded: a failure names its case and happens again.
/// </summary>
[Collection(MemoryBaseline.Name)]
public sealed class ModelReaderFuzzTests : IDisposable
{
    private const int CasesPerFamily = 10_000;
    private const long MostAllocated = 8 << 20;

    private static readonly string[] s_tokens =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\ud800", "null", "true", "-1", "0", "1", "2", "3", "7", "64", "1e9", "0.5",
        "2147483647", "2147483646", "1073741824", "9223372036854775807", "1e308", "1e999", "\"F32\"", "\"BF16\"", "\"F8_E4M3\"", "\"I64\"", "\"yarn\"",
        "\"llama\"", "\"qwen2\"", "\"deepseek_v2\"", "\"deepseek_v3\"", "\"model.norm.weight\"", "\"lm_head.weight\"", "\u00ff",
    ];

    private readonly TemporaryFolder _folder = new(inMemory: true);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("v3")]
    [InlineData("v2")]
    [InlineData("qwen2")]
    [InlineData("llama")]
    public void Thousands_of_damaged_folders_are_read_or_refused(string family)
    {
        string model = _folder.At(family);
        WriteSharded(family, model);
        Dictionary<string, byte[]> good = Directory.GetFiles(model).ToDictionary(path => path, File.ReadAllBytes);
        string[] paths = [.. good.Keys.Order(StringComparer.Ordinal).Where(path => Path.GetFileName(path) != "generation_config.json")];
        long native = MemoryBaseline.Take();
        int read = 0, refused = 0;
        for (int i = 0; i < CasesPerFamily; i++)
        {
            // Half of the cases damage config.json, which has the most ways to be wrong; the others one of the remaining files.
            Random random = new(i);
            string path = random.Next(2) == 0 ? Path.Combine(model, "config.json") : paths[random.Next(paths.Length)];
            byte[] damaged = Damage(random, path, good[path]);
            for (int again = random.Next(3); again > 0; again--) damaged = Damage(random, path, damaged);
            File.WriteAllBytes(path, damaged);
            if (Reads($"{family} case {i}, {Path.GetFileName(path)}", model)) read++;
            else refused++;
            MemoryBaseline.RequireSame(native);
            File.WriteAllBytes(path, good[path]);
        }

        // Most damage must be seen; some is harmless, such as a byte of the data or an unknown key.
        Assert.InRange(refused, CasesPerFamily / 2, CasesPerFamily);
        Assert.InRange(read, CasesPerFamily / 50, CasesPerFamily);
    }

    private static void WriteSharded(string family, string model)
    {
        using Transformer created = TinyCheckpoints.Create(TinyCheckpoints.Config(family));
        bool quantised = family == "v3";
        ModelWriter.Write(created, model, quantised ? ElementType.F8E4M3 : ElementType.BF16, maxShardBytes: quantised ? 1_500 : 1 << 20);
    }

    private static bool Reads(string what, string model)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            ModelReader.Read(model).Dispose();
            return true;
        }
        catch (Exception e) when (e is CheckpointException or ConfigurationException)
        {
            Assert.False(string.IsNullOrWhiteSpace(e.Message), what);
            return false;
        }
        catch (Exception e)
        {
            Assert.Fail($"{what}: {e}");
            return false;
        }
        finally
        {
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated <= MostAllocated, $"{what}: {allocated} bytes");
        }
    }

    private static byte[] Damage(Random random, string path, byte[] file)
    {
        if (path.EndsWith(".json", StringComparison.Ordinal)) return DamageText(random, file);
        if (file.Length < 9) return file;
        int headerLength = (int)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(file), (ulong)(file.Length - 8));
        switch (random.Next(6))
        {
            case 0:
                return file[..random.Next(file.Length)];
            case 1:
                return [.. file, .. new byte[random.Next(1, 20)]];
            case 2:
                byte[] relabelled = [.. file];
                BinaryPrimitives.WriteUInt64LittleEndian(relabelled, (ulong)(headerLength + random.Next(-9, 10)));
                return relabelled;
            case 3:
                byte[] data = [.. file];
                data[random.Next(Math.Min(8 + headerLength, data.Length - 1), data.Length)] ^= (byte)(1 << random.Next(8));
                return data;
            default:
                byte[] header = DamageText(random, file[8..(8 + headerLength)]);
                byte[] length = new byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
                return [.. length, .. header, .. file[(8 + headerLength)..]];
        }
    }

    // Replaces a number, or inserts, replaces, removes or doubles a piece of the text, or changes single bytes.
    private static byte[] DamageText(Random random, byte[] text)
    {
        int start = random.Next(text.Length + 1), end = Math.Min(text.Length, start + random.Next(12));
        byte[] token = Encoding.Latin1.GetBytes(s_tokens[random.Next(s_tokens.Length)]);
        switch (random.Next(8))
        {
            case 0:
                return [.. text[..start], .. token, .. text[start..]];
            case 1:
                return [.. text[..start], .. token, .. text[end..]];
            case 2:
                return [.. text[..start], .. text[end..]];
            case 3:
                return [.. text[..end], .. text[start..]];
            case 4:
                byte[] changed = [.. text];
                for (int i = random.Next(1, 4); i > 0 && changed.Length > 0; i--) changed[random.Next(changed.Length)] = (byte)random.Next(256);
                return changed;
            default:
                while (start < text.Length && !char.IsAsciiDigit((char)text[start])) start++;
                for (end = start; end < text.Length && char.IsAsciiDigit((char)text[end]);) end++;
                return [.. text[..start], .. token, .. text[end..]];
        }
    }
}
