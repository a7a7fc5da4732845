using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Memory;

public sealed class MappedFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hadal-mapped-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_map_shows_exactly_the_bytes_of_the_file()
    {
        byte[] content = new byte[10_001];
        new Random(1).NextBytes(content);
        using MappedFile file = new(Write(content));
        Assert.Equal(content.Length, file.Length);
        Assert.True(file.Slice(0, content.Length).SequenceEqual(content));
        Assert.True(file.Slice(4_097, 301).SequenceEqual(content.AsSpan(4_097, 301)));
        Assert.True(file.Slice(content.Length, 0).IsEmpty);
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, 101)]
    [InlineData(100, 1)]
    [InlineData(101, 0)]
    [InlineData(50, -1)]
    [InlineData(long.MaxValue, 1)]
    [InlineData(long.MinValue, int.MaxValue)]
    public void A_slice_outside_the_file_is_refused(long offset, int length)
    {
        using MappedFile file = new(Write(new byte[100]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Slice(offset, length).Length);
    }

    [Fact]
    public void An_empty_file_is_a_map_of_nothing()
    {
        using MappedFile file = new(Write([]));
        Assert.Equal(0, file.Length);
        Assert.True(file.Slice(0, 0).IsEmpty);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Slice(0, 1).Length);
    }

    [Fact]
    public void A_disposed_map_gives_nothing_out()
    {
        MappedFile file = new(Write([1, 2, 3]));
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Slice(0, 3).Length);
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_refused()
    {
        Assert.Throws<FileNotFoundException>(() => new MappedFile(Path.Combine(_folder, "missing")));
        Assert.Throws<UnauthorizedAccessException>(() => new MappedFile(_folder));
    }

    private string Write(byte[] content)
    {
        string path = Path.Combine(_folder, Guid.NewGuid().ToString("n"));
        File.WriteAllBytes(path, content);
        return path;
    }
}
