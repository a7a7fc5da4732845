using System.Buffers.Binary;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Safetensors;

namespace Hadal.Tests.Checkpoints.Safetensors;

/// <summary>Each rule of the format, broken: the message names the file and the place, and is one sentence.</summary>
public sealed class SafetensorsMalformedTests : IDisposable
{
    private const string Good = """{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""";

    private readonly SafetensorsText _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_well_formed_twin_of_these_files_opens()
    {
        string header =
            $$$"""{"__metadata__":{"format":"pt"},"a":{{{Good}}},"e":{"dtype":"U8","shape":[0,3],"data_offsets":[8,8]}}  """;
        using SafetensorsFile file = SafetensorsFile.Open(_folder.Write("good.safetensors", SafetensorsText.Bytes(header, 8)));
        Assert.Equal(["a", "e"], file.Tensors.Keys);
        Assert.Equal("pt", file.Metadata["format"]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_file_shorter_than_the_length_field(int length) =>
        Refused(new byte[length], $"has {length} bytes", "8");

    [Theory]
    [InlineData(9UL, "9")]
    [InlineData(100_000_000UL, "100000000")]
    [InlineData(100_000_001UL, "at most 100000000")]
    [InlineData(ulong.MaxValue, "18446744073709551615")]
    [InlineData(0UL, "starts with nothing")]
    [InlineData(1UL, "not valid JSON")]
    public void A_header_length_that_cannot_be(ulong length, string place)
    {
        byte[] bytes = SafetensorsText.Bytes("{}      ");
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        Refused(bytes, place);
    }

    [Theory]
    [InlineData("[1]", "starts with byte 0x5b", "'{'")]
    [InlineData(" {}", "starts with byte 0x20", "'{'")]
    [InlineData("{", "not valid JSON at byte 1")]
    [InlineData("{} x", "not valid JSON at byte 3")]
    [InlineData("{}{}", "not valid JSON at byte 2")]
    [InlineData("{\"a\":1,}", "tensor 'a' is 1", "an object")]
    [InlineData("{/**/}", "not valid JSON at byte 1")]
    [InlineData("{\"\\ud800\":{}}", "not Unicode")]
    [InlineData("{\"a\":{\"\\ud800\":1}}", "not Unicode")]
    [InlineData("{\"a\":{\"dtype\":\"\\udc00\"}}", "not Unicode")]
    public void A_header_that_is_no_JSON_object(string header, params string[] place) => Refused(SafetensorsText.Bytes(header), place);

    [Fact]
    public void A_header_that_is_not_UTF8() =>
        Refused(SafetensorsText.Bytes([(byte)'{', (byte)'"', 0xff, (byte)'"', (byte)':', (byte)'1', (byte)'}'], 0), "UTF-8");

    [Fact]
    public void A_header_nested_without_end() =>
        Refused(SafetensorsText.Bytes("{\"a\":" + new string('[', 100_000)), "tensor 'a' is an array");

    [Fact]
    public void A_name_that_occurs_twice()
    {
        Refused(SafetensorsText.Bytes($$$"""{"a":{{{Good}}},"a":{{{Good}}}}""", 8), "tensor 'a' twice");
        Refused(SafetensorsText.Bytes($$"""{"a":{{Good}},"\u0061":{{Good}}}""", 8), "tensor 'a' twice");
        Refused(SafetensorsText.Bytes("""{"__metadata__":{},"__metadata__":{}}"""), "'__metadata__' twice");
        Refused(SafetensorsText.Bytes("""{"__metadata__":{"k":"1","k":"2"}}"""), "key 'k' twice");
    }

    [Theory]
    [InlineData("""{"__metadata__":[]}""", "'__metadata__' is an array", "object of strings")]
    [InlineData("""{"__metadata__":{"k":1}}""", "under 'k'", "a string")]
    [InlineData("""{"__metadata__":{"k":{"l":"1"}}}""", "an object under 'k'", "a string")]
    public void Metadata_that_is_not_text_to_text(string header, params string[] place) => Refused(SafetensorsText.Bytes(header), place);

    [Theory]
    [InlineData("null", "is null")]
    [InlineData("[]", "is an array")]
    [InlineData("""{"shape":[2],"data_offsets":[0,8]}""", "no dtype")]
    [InlineData("""{"dtype":"F32","data_offsets":[0,8]}""", "no shape")]
    [InlineData("""{"dtype":"F32","shape":[2]}""", "no data_offsets")]
    [InlineData("""{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}""", "twice")]
    [InlineData("""{"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]}""", "'strides'")]
    [InlineData("""{"dtype":"F33","shape":[2],"data_offsets":[0,8]}""", "dtype 'F33'", "BF16")]
    [InlineData("""{"dtype":"f32","shape":[2],"data_offsets":[0,8]}""", "dtype 'f32'")]
    [InlineData("""{"dtype":32,"shape":[2],"data_offsets":[0,8]}""", "dtype 32")]
    [InlineData("""{"dtype":"F32","shape":2,"data_offsets":[0,8]}""", "shape 2", "array")]
    [InlineData("""{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}""", "-2 in its shape")]
    [InlineData("""{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}""", "2.0 in its shape")]
    [InlineData("""{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}""", "2e0 in its shape")]
    [InlineData("""{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}""", "'2' in its shape")]
    [InlineData("""{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}""", "an array in its shape")]
    [InlineData("""{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}""", "9223372036854775808 in its shape")]
    [InlineData("""{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}""", "[4294967296, 4294967296]")]
    [InlineData("""{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,8]}""", "2^63 bytes")]
    [InlineData("""{"dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8]}""", "2^63 bytes")]
    [InlineData("""{"dtype":"F32","shape":[3],"data_offsets":[0,8]}""", "8 bytes of data", "12 for shape [3] of F32")]
    [InlineData("""{"dtype":"F32","shape":[],"data_offsets":[0,8]}""", "8 bytes of data", "4 for shape [] of F32")]
    [InlineData("""{"dtype":"F32","shape":[2],"data_offsets":[0]}""", "1 data_offsets")]
    [InlineData("""{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}""", "3 data_offsets")]
    [InlineData("""{"dtype":"F32","shape":[2],"data_offsets":{"0":8}}""", "data_offsets an object")]
    [InlineData("""{"dtype":"F32","shape":[2],"data_offsets":[8,0]}""", "data_offsets [8, 0]")]
    [InlineData("""{"dtype":"F32","shape":[2],"data_offsets":[4,12]}""", "data_offsets [4, 12]", "8 bytes")]
    [InlineData("""{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}""", "-8 in its data_offsets")]
    public void An_entry_that_breaks_a_rule(string entry, params string[] place) =>
        Refused(SafetensorsText.Bytes($$"""{"layer.0.weight":{{entry}}}""", 8), ["'layer.0.weight'", .. place]);

    [Theory]
    [InlineData(0, 4, 8, 12, 12, "'b' leaves a gap", "expected 4")]
    [InlineData(0, 8, 4, 8, 8, "'b' overlaps", "expected 8")]
    [InlineData(0, 8, 0, 8, 8, "overlaps", "expected 8")]
    [InlineData(4, 8, 8, 12, 12, "'a' leaves a gap", "expected 0")]
    [InlineData(0, 4, 4, 8, 9, "9 bytes of data", "expected 8")]
    public void Tensors_that_do_not_cover_the_data(int a0, int a1, int b0, int b1, int data, params string[] place)
    {
        string header = "{" + Entry("a", a0, a1) + "," + Entry("b", b0, b1) + "}";
        Refused(SafetensorsText.Bytes(header, data), place);

        static string Entry(string name, int begin, int end) =>
            $$"""
            "{{name}}":{"dtype":"U8","shape":[{{end - begin}}],"data_offsets":[{{begin}},{{end}}]}
            """;
    }

    [Fact]
    public void A_file_cut_short_anywhere()
    {
        byte[] whole = SafetensorsText.Bytes($$"""{"a":{{Good}}}""", 8);
        for (int length = 0; length < whole.Length; length++) Refused(whole[..length]);
    }

    [Fact]
    public void A_message_stays_one_readable_sentence_whatever_the_names()
    {
        string name = "\n\0" + new string('x', 50_000);
        string header = "{" + System.Text.Json.JsonSerializer.Serialize(name) + ":1}";
        CheckpointException e = Refused(SafetensorsText.Bytes(header), "'\\u000a\\u0000xxx");
        Assert.True(e.Message.Length < 500 + e.Path.Length);
    }

    [Fact]
    public void A_missing_file_and_a_folder()
    {
        Assert.Contains("no such file", OpenFails(_folder.At("missing.safetensors")).Message, StringComparison.Ordinal);
        Assert.Contains("could not be opened", OpenFails(_folder.Folder).Message, StringComparison.Ordinal);
    }

    private static CheckpointException OpenFails(string path) =>
        Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(path).Dispose());

    private CheckpointException Refused(byte[] content, params string[] place)
    {
        string path = _folder.Write("broken.safetensors", content);
        CheckpointException e = OpenFails(path);
        Assert.Equal(path, e.Path);
        Assert.StartsWith(path + ": ", e.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        foreach (string part in place) Assert.Contains(part, e.Message, StringComparison.Ordinal);
        return e;
    }
}
