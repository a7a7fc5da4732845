using System.Buffers.Binary;
using System.Text;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Safetensors;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints.Safetensors;

/// <summary>
/// Damaged at random, a checkpoint either opens or is refused with a <see cref="CheckpointException"/>, and never makes the reader
/// allocate more than its own size explains. Seeded: a failure names its case and happens again.
/// </summary>
public sealed class SafetensorsFuzzTests : IDisposable
{
    // A header of many tiny entries costs about ten times its text in objects; the slack is for the file handle and the exception.
    private const long BytesPerFileByte = 40;
    private const long Slack = 256 * 1024;

    private static readonly string[] s_tokens =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\ud800", "null", "true", "-1", "1e9", "0.5", "9223372036854775807",
        "99999999999999999999", "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"__metadata__\"", "\"F32\"", "\"BF16\"", "\"F4\"",
        "\"weight_map\"", "\"metadata\"", "\"total_size\"", "\"../x.safetensors\"", "\"one.safetensors\"", "0", "1", "8", "\u00ff",
    ];

    private readonly SafetensorsText _folder = new(inMemory: true);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Nine_thousand_damaged_files_are_read_or_refused()
    {
        SafetensorsTensorSpec[] specs =
            [new("a.weight", ElementType.F32, 3, 4), new("b", ElementType.BF16, 5), new("e", ElementType.I64, 0), new("s", ElementType.U8)];
        string path = _folder.At("good.safetensors");
        SafetensorsWriter.Write(path, specs, (spec, stream) => stream.Write(new byte[spec.ByteLength]));
        byte[] good = File.ReadAllBytes(path);
        int refused = 0;
        for (int i = 0; i < 9_000; i++)
        {
            Random random = new(i);
            byte[] damaged = Damage(random, good);
            for (int again = random.Next(3); again > 0; again--) damaged = Damage(random, damaged);
            string file = _folder.Write("damaged.safetensors", damaged);
            if (!OpensOrIsRefused(i, damaged.Length, () => ReadAll(SafetensorsCheckpoint.OpenFile(file)))) refused++;
        }

        // Most damage must be seen; some is harmless, such as a byte of the data or of a name.
        Assert.InRange(refused, 5_000, 8_990);
    }

    [Fact]
    public void Three_thousand_damaged_indexes_are_read_or_refused()
    {
        _folder.WriteTensors("one.safetensors", "a", "b");
        _folder.WriteTensors("two.safetensors", "c");
        byte[] good = Encoding.UTF8.GetBytes(
            """{"metadata":{"total_size":3},"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"}}""");
        int refused = 0;
        for (int i = 0; i < 3_000; i++)
        {
            byte[] damaged = DamageText(new Random(i), good);
            _folder.Write("model.safetensors.index.json", damaged);
            if (!OpensOrIsRefused(i, damaged.Length + 1_000, () => ReadAll(SafetensorsCheckpoint.Open(_folder.Folder)))) refused++;
        }

        Assert.InRange(refused, 1_500, 2_999);
    }

    [Fact]
    public void A_header_of_nothing_but_tiny_entries_stays_in_proportion()
    {
        StringBuilder header = new("{");
        for (int i = 0; i < 20_000; i++)
        {
            header.Append(null, $$"""{{(i == 0 ? "" : ",")}}"{{i}}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}""");
        }

        byte[] bytes = SafetensorsText.Bytes(header.Append('}').ToString());
        string file = _folder.Write("many.safetensors", bytes);
        Assert.True(OpensOrIsRefused(0, bytes.Length, () => ReadAll(SafetensorsCheckpoint.OpenFile(file))));
    }

    // Whether it opened; anything but an opening or a CheckpointException fails the test.
    private static bool OpensOrIsRefused(int seed, long fileLength, Action open)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool opened = true;
        try
        {
            open();
        }
        catch (CheckpointException e)
        {
            opened = false;
            Assert.False(string.IsNullOrEmpty(e.Path));
        }
        catch (Exception e)
        {
            Assert.Fail($"case {seed}: {e}");
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated <= Slack + BytesPerFileByte * fileLength, $"case {seed}: {allocated} bytes for a file of {fileLength}");
        return opened;
    }

    // What opened must also be readable to its last byte.
    private static void ReadAll(SafetensorsCheckpoint checkpoint)
    {
        using (checkpoint)
        {
            foreach (CheckpointTensor tensor in checkpoint.Tensors.Values)
            {
                ReadOnlySpan<byte> bytes = tensor.File.ReadBytes(tensor.Entry, 0, checked((int)tensor.Entry.ByteLength));
                if (!bytes.IsEmpty) Assert.InRange(bytes[0] + bytes[^1], 0, 510);
            }
        }
    }

    private static byte[] Damage(Random random, byte[] file)
    {
        if (file.Length < 9) return file;
        int headerLength = (int)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(file), (ulong)(file.Length - 8));
        switch (random.Next(5))
        {
            case 0:
                return file[..random.Next(file.Length)];
            case 1:
                byte[] relabelled = [.. file];
                ulong length = random.Next(3) switch
                {
                    0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
                    1 => (ulong)random.Next(file.Length * 2),
                    _ => (ulong)(headerLength + random.Next(-9, 10)),
                };
                BinaryPrimitives.WriteUInt64LittleEndian(relabelled, length);
                return relabelled;
            case 2:
                byte[] flipped = [.. file];
                flipped[8 + random.Next(Math.Max(headerLength, 1))] ^= (byte)(1 << random.Next(8));
                return flipped;
            case 3:
                return [.. file, .. new byte[random.Next(1, 20)]];
            default:
                byte[] header = DamageText(random, file.AsSpan(8, headerLength).ToArray());
                byte[] rebuilt = SafetensorsText.Bytes(header, 0);
                return [.. rebuilt, .. file.AsSpan(8 + headerLength)];
        }
    }

    // Replaces, inserts, removes or doubles a piece of the text, or changes single bytes.
    private static byte[] DamageText(Random random, byte[] text)
    {
        int start = random.Next(text.Length + 1);
        int end = Math.Min(text.Length, start + random.Next(12));
        byte[] token = Encoding.UTF8.GetBytes(s_tokens[random.Next(s_tokens.Length)]);
        switch (random.Next(5))
        {
            case 0:
                return [.. text[..start], .. token, .. text[start..]];
            case 1:
                return [.. text[..start], .. token, .. text[end..]];
            case 2:
                return [.. text[..start], .. text[end..]];
            case 3:
                return [.. text[..end], .. text[start..]];
            default:
                byte[] changed = [.. text];
                for (int i = random.Next(1, 4); i > 0 && changed.Length > 0; i--)
                {
                    changed[random.Next(changed.Length)] = (byte)random.Next(256);
                }

                return changed;
        }
    }
}
