using Hadal.Checkpoints;
using Hadal.Checkpoints.Gguf;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints.Gguf;

/// <summary>
/// A GGUF file damaged at random is read, or refused with one of the two exceptions that say what is wrong; no native memory stays behind,
/// and little is taken. Seeded: a failure names its case and happens again.
/// </summary>
[Collection(MemoryBaseline.Name)]
public sealed class GgufFuzzTests : IDisposable
{
    private const int Cases = 2_500; // of each family, four of them
    private const long MostAllocated = 8 << 20;

    private readonly TemporaryFolder _folder = new(inMemory: true);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("v3")]
    [InlineData("v2")]
    [InlineData("qwen2")]
    [InlineData("llama")]
    public void Thousands_of_damaged_files_are_read_or_refused(string family)
    {
        string path = _folder.At("m.gguf");
        using (Transformer created = TinyCheckpoints.Create(TinyCheckpoints.Config(family)))
        {
            ModelConversion.ToGguf(created, path, new GgufOptions { KeepModules = true });
        }

        // Half of the cases have no note, so that the keys must be read.
        EditedGguf edited = EditedGguf.Read(path);
        byte[] withNote = File.ReadAllBytes(path);
        edited.Keys.Remove("hadal.config");
        edited.Write(path);
        byte[] without = File.ReadAllBytes(path);
        long native = MemoryBaseline.Take();
        int read = 0, refused = 0;
        for (int i = 0; i < Cases; i++)
        {
            Random random = new(i);
            byte[] whole = random.Next(2) == 0 ? withNote : without;
            byte[] damaged = Damage(random, whole);
            for (int again = random.Next(3); again > 0; again--) damaged = Damage(random, damaged);
            File.WriteAllBytes(path, damaged);
            if (Reads($"{family} case {i}", path)) read++;
            else refused++;
            MemoryBaseline.RequireSame(native);
        }

        Assert.InRange(refused, Cases / 4, Cases);
        Assert.InRange(read, Cases / 50, Cases);
    }

    private static bool Reads(string what, string path)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            ModelReader.Read(path).Dispose();
            return true;
        }
        catch (Exception e) when (e is CheckpointException or ConfigurationException)
        {
            Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', e.Message);
            return false;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{what}: {e.GetType().Name} {e.Message}", e);
        }
        finally
        {
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostAllocated);
        }
    }

    // Most damage goes to the head, where every byte means something.
    private static byte[] Damage(Random random, byte[] whole)
    {
        byte[] damaged = (byte[])whole.Clone();
        int range = random.Next(8) == 0 ? damaged.Length : Math.Min(damaged.Length, 5000);
        int at = random.Next(range), length = Math.Min(random.Next(1, 12), damaged.Length - at);
        switch (random.Next(7))
        {
            case 0:
                damaged[at] = (byte)random.Next(256);
                return damaged;
            case 1:
                damaged[at] ^= (byte)(1 << random.Next(8));
                return damaged;
            case 2:
                return [.. damaged[..at], .. damaged[(at + length)..]];
            case 3:
                int from = random.Next(damaged.Length - length + 1);
                return [.. damaged[..at], .. damaged[from..(from + length)], .. damaged[at..]];
            case 4 when random.Next(4) == 0:
                return damaged[..at];
            case 5 when at + 8 <= damaged.Length:
                long[] numbers = [0, -1, 1, 2, int.MaxValue, (long)int.MaxValue + 1, long.MaxValue, 1 << 24, 1L << 40, 33];
                BitConverter.TryWriteBytes(damaged.AsSpan(at), numbers[random.Next(numbers.Length)]);
                return damaged;
            default:
                damaged.AsSpan(at, length).Fill((byte)(random.Next(2) * 255));
                return damaged;
        }
    }
}
