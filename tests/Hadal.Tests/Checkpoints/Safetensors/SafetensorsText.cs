using System.Buffers.Binary;
using System.Text;

namespace Hadal.Tests.Checkpoints.Safetensors;

/// <summary>A folder that lives as long as a test, and files in it made from the text of a header.</summary>
internal sealed class SafetensorsText : IDisposable
{
    private const string SharedMemory = "/dev/shm";

    /// <summary>Makes the folder.</summary>
    /// <param name="inMemory">Whether to take a folder in memory where the system has one, for thousands of files.</param>
    public SafetensorsText(bool inMemory = false)
    {
        string name = $"hadal-safetensors-{Guid.NewGuid():n}";
        string parent = inMemory && Directory.Exists(SharedMemory) ? SharedMemory : Path.GetTempPath();
        Folder = Directory.CreateDirectory(Path.Combine(parent, name)).FullName;
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>Full path of a file in the folder.</summary>
    public string At(string name) => Path.Combine(Folder, name);

    /// <summary>The bytes of a file: length, header, data.</summary>
    public static byte[] Bytes(string header, int dataLength = 0) => Bytes(Encoding.UTF8.GetBytes(header), dataLength);

    /// <summary>The bytes of a file: length, header, data.</summary>
    public static byte[] Bytes(byte[] header, int dataLength)
    {
        byte[] bytes = new byte[8 + header.Length + dataLength];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)header.Length);
        header.CopyTo(bytes, 8);
        for (int i = 0; i < dataLength; i++) bytes[8 + header.Length + i] = (byte)i;
        return bytes;
    }

    /// <summary>Writes a file and returns its path.</summary>
    public string Write(string name, byte[] content)
    {
        File.WriteAllBytes(At(name), content);
        return At(name);
    }

    /// <summary>Writes a file with one U8 tensor of one byte for each name.</summary>
    public string WriteTensors(string name, params string[] tensors)
    {
        IEnumerable<string> entries = tensors.Select(
            (tensor, i) => $$"""{{Quoted(tensor)}}:{"dtype":"U8","shape":[1],"data_offsets":[{{i}},{{i + 1}}]}""");
        return Write(name, Bytes("{" + string.Join(",", entries) + "}", tensors.Length));

        static string Quoted(string text) => System.Text.Json.JsonSerializer.Serialize(text);
    }
}
