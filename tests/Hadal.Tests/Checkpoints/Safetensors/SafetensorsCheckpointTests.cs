using Hadal.Checkpoints;
using Hadal.Checkpoints.Safetensors;

namespace Hadal.Tests.Checkpoints.Safetensors;

public sealed class SafetensorsCheckpointTests : IDisposable
{
    private const string IndexName = "model.safetensors.index.json";

    private readonly SafetensorsText _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Shards_are_one_view_in_the_order_of_the_index()
    {
        _folder.WriteTensors("one.safetensors", "c", "a");
        _folder.WriteTensors("two.safetensors", "b");
        WriteIndex(
            """{"metadata":{"total_size":3,"x":[1]},"weight_map":{"b":"two.safetensors","a":"one.safetensors","c":"one.safetensors"}}""");
        using SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.Open(_folder.Folder);
        Assert.Equal(["b", "c", "a"], checkpoint.Tensors.Keys);
        Assert.Equal(2, checkpoint.Files.Count);
        CheckpointTensor a = checkpoint.Tensor("a");
        Assert.Equal(1, a.File.ReadBytes(a.Entry, 0, 1)[0]);
        Assert.Contains("'d'", Assert.Throws<CheckpointException>(() => checkpoint.Tensor("d")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_single_file_counts_before_an_index()
    {
        _folder.WriteTensors("model.safetensors", "a");
        WriteIndex("not even JSON");
        using SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.Open(_folder.Folder);
        Assert.Equal(["a"], checkpoint.Tensors.Keys);
        using SafetensorsCheckpoint file = SafetensorsCheckpoint.OpenFile(_folder.At("model.safetensors"));
        Assert.Equal(["a"], file.Tensors.Keys);
    }

    [Fact]
    public void A_folder_without_a_checkpoint() => Refused("neither", "model.safetensors", IndexName);

    [Fact]
    public void A_folder_that_is_not_there()
    {
        CheckpointException e = Assert.Throws<CheckpointException>(() => SafetensorsCheckpoint.Open(_folder.At("nowhere")));
        Assert.Contains("no such folder", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "starts with nothing")]
    [InlineData("[]", "starts with byte 0x5b")]
    [InlineData("{}", "no 'weight_map'")]
    [InlineData("{\"weight_map\":{}", "not valid JSON")]
    [InlineData("{\"weight_map\":[]}", "'weight_map' is an array")]
    [InlineData("{\"weight_map\":{},\"weight_map\":{}}", "'weight_map' twice")]
    [InlineData("{\"weight_map\":{\"a\":1}}", "has 1 for tensor 'a'")]
    [InlineData("{\"weight_map\":{\"a\":\"one.safetensors\",\"a\":\"two.safetensors\"}}", "tensor 'a' twice")]
    [InlineData("{\"metadata\":1,\"weight_map\":{}}", "'metadata' is 1")]
    [InlineData("{\"metadata\":{\"total_size\":\"3\"},\"weight_map\":{}}", "'metadata.total_size' is '3'")]
    public void An_index_that_is_malformed(string index, string place)
    {
        WriteIndex(index);
        Refused(IndexName, place);
    }

    [Theory]
    [InlineData("../one.safetensors")]
    [InlineData("/etc/one.safetensors")]
    [InlineData("..\\\\one.safetensors")]
    [InlineData("C:one.safetensors")]
    [InlineData("sub/one.safetensors")]
    [InlineData("one\\u0000.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("one.bin")]
    public void A_shard_name_that_is_no_plain_file_of_the_folder(string name)
    {
        WriteIndex($$$"""{"weight_map":{"a":"{{{name}}}"}}""");
        Refused(IndexName, "for tensor 'a'", "in the same folder");
    }

    [Fact]
    public void A_shard_that_is_missing()
    {
        WriteIndex("""{"weight_map":{"a":"one.safetensors"}}""");
        Refused(IndexName, "'one.safetensors'", "not in the folder");
    }

    [Fact]
    public void A_shard_that_is_malformed()
    {
        _folder.Write("one.safetensors", [1, 2, 3]);
        WriteIndex("""{"weight_map":{"a":"one.safetensors"}}""");
        Refused("one.safetensors: the file has 3 bytes");
    }

    [Fact]
    public void A_tensor_that_its_shard_does_not_have()
    {
        _folder.WriteTensors("one.safetensors", "a");
        WriteIndex("""{"weight_map":{"a":"one.safetensors","b":"one.safetensors"}}""");
        Refused(IndexName, "tensor 'b'", "'one.safetensors'", "does not have it");
    }

    [Fact]
    public void A_tensor_that_the_index_does_not_have()
    {
        _folder.WriteTensors("one.safetensors", "a", "b");
        WriteIndex("""{"weight_map":{"a":"one.safetensors"}}""");
        Refused("one.safetensors: tensor 'b' is not in " + IndexName);
    }

    [Fact]
    public void A_tensor_in_two_shards()
    {
        _folder.WriteTensors("one.safetensors", "a");
        _folder.WriteTensors("two.safetensors", "b", "a");
        WriteIndex("""{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}""");
        Refused("two.safetensors: tensor 'a' is also in 'one.safetensors'");
    }

    [Fact]
    public void A_tensor_in_another_shard_than_the_index_says()
    {
        _folder.WriteTensors("one.safetensors", "a");
        _folder.WriteTensors("two.safetensors", "b", "c");
        WriteIndex("""{"weight_map":{"a":"one.safetensors","b":"two.safetensors","c":"one.safetensors"}}""");
        Refused("two.safetensors: tensor 'c' should be in 'one.safetensors'");
    }

    private void WriteIndex(string text) => File.WriteAllText(_folder.At(IndexName), text);

    private void Refused(params string[] place)
    {
        CheckpointException e = Assert.Throws<CheckpointException>(() => SafetensorsCheckpoint.Open(_folder.Folder).Dispose());
        Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
        foreach (string part in place) Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }
}
