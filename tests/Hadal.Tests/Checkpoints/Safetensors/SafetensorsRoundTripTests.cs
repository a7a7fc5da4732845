using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Safetensors;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints.Safetensors;

public sealed class SafetensorsRoundTripTests : IDisposable
{
    private readonly SafetensorsText _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Tensors_of_every_type_and_odd_shapes_come_back_byte_for_byte_and_aligned()
    {
        List<SafetensorsTensorSpec> specs = [];
        foreach (ElementType type in Enum.GetValues<ElementType>().Where(type => !type.IsBlocked()))
        {
            specs.Add(new($"{type}.matrix", type, 3, 5));
            specs.Add(new($"{type}.scalar", type));
            specs.Add(new($"{type}.empty", type, 4, 0));
        }

        specs.Add(new("näme \"quoted\" \\ \n 名", ElementType.U8, 7));
        string path = _folder.At("all.safetensors");
        Dictionary<string, string> metadata = new() { ["format"] = "pt", ["note"] = "zwölf" };
        SafetensorsWriter.Write(path, specs, (spec, stream) => stream.Write(Content(spec)), metadata);

        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal(specs.Select(spec => spec.Name).Order(), file.Tensors.Keys.Order());
        Assert.Equal(metadata, file.Metadata);
        foreach (SafetensorsTensorSpec spec in specs)
        {
            SafetensorsEntry entry = file.Entry(spec.Name);
            Assert.Equal(spec.ElementType, entry.ElementType);
            Assert.Equal(spec.Shape, entry.Shape);
            Assert.Equal(0, entry.Begin % spec.ElementType.SizeInBytes());
            Assert.Equal(Content(spec), file.ReadBytes(entry, 0, (int)entry.ByteLength).ToArray());
        }

        byte[] bytes = File.ReadAllBytes(path);
        Assert.Equal(0UL, BitConverter.ToUInt64(bytes) % 8);
    }

    [Theory]
    [InlineData(ElementType.F64)]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.F16)]
    [InlineData(ElementType.BF16)]
    [InlineData(ElementType.F8E4M3)]
    [InlineData(ElementType.F8E5M2)]
    public void Floats_are_read_as_F32_from_any_element_on(ElementType type)
    {
        // Small multiples of 1/4 are exact in every float type.
        float[] values = new float[5_000];
        for (int i = 0; i < values.Length; i++) values[i] = (i % 13 - 6) / 4f;
        string path = _folder.At("floats.safetensors");
        SafetensorsWriter.Write(
            path, [new("x", type, 50, 100)], (spec, stream) => SafetensorsWriter.WriteSingle(stream, spec.ElementType, values));
        using SafetensorsFile file = SafetensorsFile.Open(path);
        SafetensorsEntry x = file.Entry("x");
        float[] read = new float[321];
        file.ReadSingle(x, 1_234, read);
        Assert.Equal(values[1_234..(1_234 + 321)], read);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadSingle(x, 4_999, new float[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadSingle(x, -1, new float[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadBytes(x, x.ByteLength, 1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadBytes(x, long.MaxValue, int.MaxValue).Length);
    }

    [Fact]
    public void Integers_are_not_read_as_F32_and_entries_of_other_files_not_at_all()
    {
        string path = _folder.WriteTensors("a.safetensors", "bytes");
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using SafetensorsFile twin = SafetensorsFile.Open(path);
        CheckpointException e = Assert.Throws<CheckpointException>(() => file.ReadSingle(file.Entry("bytes"), 0, new float[1]));
        Assert.Contains("'bytes' is U8", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => file.ReadBytes(twin.Entry("bytes"), 0, 1).Length);
    }

    [Fact]
    public void Shards_hold_what_fits_and_the_index_says_where()
    {
        SafetensorsTensorSpec[] specs =
            [.. Enumerable.Range(0, 7).Select(i => new SafetensorsTensorSpec($"t{i}", ElementType.F32, i == 4 ? 100 : 10))];
        _folder.WriteTensors("model.safetensors", "old");
        SafetensorsWriter.WriteSharded(_folder.Folder, specs, 100, (spec, stream) => stream.Write(Content(spec)));

        // 40 bytes each, two to a shard of 100; t4 with 400 has its own.
        string[] expected = [.. "1122344".Select(shard => $"model-0000{shard}-of-00004.safetensors")];
        using JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(_folder.At("model.safetensors.index.json")));
        Assert.Equal(640, index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
        Assert.Equal(expected, index.RootElement.GetProperty("weight_map").EnumerateObject().Select(entry => entry.Value.GetString()!));

        using SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.Open(_folder.Folder);
        Assert.Equal(4, checkpoint.Files.Count);
        Assert.All(checkpoint.Files, file => Assert.Equal("pt", file.Metadata["format"]));
        foreach (SafetensorsTensorSpec spec in specs)
        {
            CheckpointTensor tensor = checkpoint.Tensor(spec.Name);
            Assert.Equal(Content(spec), tensor.File.ReadBytes(tensor.Entry, 0, (int)spec.ByteLength).ToArray());
        }

        Assert.Equal(5, Directory.GetFiles(_folder.Folder).Length);
    }

    [Fact]
    public void What_fits_one_shard_is_a_single_file()
    {
        SafetensorsWriter.WriteSharded(_folder.Folder, [new("a", ElementType.U8, 9)], 100, (spec, stream) => stream.Write(Content(spec)));
        Assert.Equal([_folder.At("model.safetensors")], Directory.GetFiles(_folder.Folder));
    }

    [Fact]
    public void A_writer_that_fails_leaves_the_old_files_and_nothing_else()
    {
        string path = _folder.WriteTensors("model.safetensors", "old");
        byte[] before = File.ReadAllBytes(path);
        SafetensorsTensorSpec[] specs = [new("a", ElementType.U8, 9), new("b", ElementType.U8, 9)];

        Assert.Throws<InvalidOperationException>(() => SafetensorsWriter.Write(path, specs, (_, stream) => stream.Write(new byte[8])));
        Assert.Throws<InvalidOperationException>(() => SafetensorsWriter.Write(path, specs, (_, stream) => stream.Write(new byte[10])));
        Assert.Throws<TimeoutException>(() => SafetensorsWriter.Write(path, specs, (_, _) => throw new TimeoutException()));
        Assert.Throws<InvalidOperationException>(() => SafetensorsWriter.WriteSharded(
            _folder.Folder, specs, 9, (spec, stream) => stream.Write(new byte[spec.Name == "a" ? 9 : 8])));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(path, [specs[0], specs[0]], (_, _) => { }));

        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(_folder.Folder));
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_named()
    {
        string missing = _folder.At(Path.Combine("missing", "a.safetensors"));
        Assert.Contains("folder does not exist", WriteFails(missing).Message, StringComparison.Ordinal);
        string below = Path.Combine(_folder.WriteTensors("file.safetensors", "x"), "a.safetensors");
        Assert.Contains("could not be created", WriteFails(below).Message, StringComparison.Ordinal);
        string taken = _folder.At("taken.safetensors");
        Directory.CreateDirectory(taken);
        Assert.Contains("could not be replaced", WriteFails(taken).Message, StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(_folder.Folder));

        static CheckpointException WriteFails(string path)
        {
            CheckpointException e = Assert.Throws<CheckpointException>(
                () => SafetensorsWriter.Write(path, [new("a", ElementType.U8, 1)], (_, stream) => stream.WriteByte(1)));
            Assert.Equal(path, e.Path);
            return e;
        }
    }

    [Fact]
    public void A_full_disk_is_a_checkpoint_exception_that_names_the_tensor()
    {
        using TensorStream stream = new("model.safetensors", new FullDisk(), "big", 100);
        CheckpointException e = Assert.Throws<CheckpointException>(() => stream.Write(new byte[10]));
        Assert.Contains("tensor 'big' could not be written: No space left on device.", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1L, 1L)]
    [InlineData(1L << 40, 1L << 40)]
    [InlineData(long.MaxValue, 1L)]
    public void A_shape_that_cannot_be_is_refused_before_writing(long rows, long columns) =>
        Assert.Throws<ArgumentException>(() => new SafetensorsTensorSpec("x", ElementType.F32, rows, columns));

    private static byte[] Content(SafetensorsTensorSpec spec)
    {
        byte[] bytes = new byte[spec.ByteLength];
        new Random(spec.Name.Length * 31 + (int)spec.ElementType).NextBytes(bytes);
        return bytes;
    }

    private sealed class FullDisk : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("No space left on device");
    }
}
