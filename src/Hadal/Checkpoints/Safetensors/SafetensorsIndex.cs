using System.Text.Json;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Safetensors;

/// <summary>
/// The index of a checkpoint in shards: <c>weight_map</c> from tensor names to files of the same folder. <c>metadata.total_size</c> must
/// be a number, but is not compared with the files: published indexes have wrong ones, and every tensor's size is checked anyway.
/// </summary>
internal sealed class SafetensorsIndex
{
    private readonly OrderedDictionary<string, string> _weightMap = [];
    private readonly OrderedDictionary<string, string> _shards = [];

    private SafetensorsIndex(string path) => Path = path;

    /// <summary>The index file.</summary>
    public string Path { get; }

    /// <summary>Shard of every tensor.</summary>
    public IReadOnlyDictionary<string, string> WeightMap => _weightMap;

    /// <summary>The shards, in the order in which they first occur.</summary>
    public IEnumerable<string> Shards => _shards.Keys;

    /// <summary>Reads an index.</summary>
    /// <exception cref="CheckpointException">The file can't be read, or isn't an index.</exception>
    public static SafetensorsIndex Read(string path)
    {
        try
        {
            using MappedFile file = new(path);
            if (file.Length > SafetensorsFile.MaxHeaderLength)
            {
                throw new CheckpointException(
                    path, $"the index has {file.Length} bytes, expected at most {SafetensorsFile.MaxHeaderLength}");
            }

            SafetensorsIndex index = new(path);
            index.Parse(file.Slice(0, (int)file.Length));
            return index;
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(path, "opened", e);
        }
    }

    private void Parse(ReadOnlySpan<byte> text)
    {
        CheckpointJson json = new(Path, "index", text);
        bool hasMap = false;
        while (json.NextProperty())
        {
            if (json.Is("weight_map"u8))
            {
                if (hasMap) throw new CheckpointException(Path, "the index has 'weight_map' twice, expected it once");
                hasMap = true;
                ReadWeightMap(ref json);
            }
            else if (json.Is("metadata"u8))
            {
                ReadMetadata(ref json);
            }
            else
            {
                json.SkipValue();
            }
        }

        json.Next();
        if (!hasMap) throw new CheckpointException(Path, "the index has no 'weight_map', expected an object from tensor names to files");
    }

    private void ReadMetadata(ref CheckpointJson json)
    {
        json.Next();
        if (json.Token != JsonTokenType.StartObject)
        {
            throw new CheckpointException(Path, $"'metadata' is {json.Found()}, expected an object");
        }

        while (json.NextProperty())
        {
            if (!json.Is("total_size"u8))
            {
                json.SkipValue();
                continue;
            }

            json.Next();
            if (json.Token != JsonTokenType.Number)
            {
                throw new CheckpointException(Path, $"'metadata.total_size' is {json.Found()}, expected a number of bytes");
            }
        }
    }

    private void ReadWeightMap(ref CheckpointJson json)
    {
        json.Next();
        if (json.Token != JsonTokenType.StartObject)
        {
            throw new CheckpointException(Path, $"'weight_map' is {json.Found()}, expected an object from tensor names to files");
        }

        while (json.NextProperty())
        {
            string name = json.Text();
            json.Next();
            if (json.Token != JsonTokenType.String)
            {
                throw new CheckpointException(
                    Path, $"'weight_map' has {json.Found()} for tensor {CheckpointException.Quote(name)}, expected a file name");
            }

            // One string per shard, however many tensors name it.
            string shard = json.Text();
            if (_shards.TryGetValue(shard, out string? known)) shard = known;
            else _shards.Add(shard, Checked(shard, name));
            if (_weightMap.TryAdd(name, shard)) continue;
            throw new CheckpointException(
                Path, $"'weight_map' has tensor {CheckpointException.Quote(name)} twice, expected every tensor in one shard");
        }
    }

    // A plain name only: no path that leads out of the folder, on whatever system, and nothing that a file system reads otherwise.
    private string Checked(string shard, string tensor)
    {
        bool plain = shard.Length is > 0 and <= 255 && shard.EndsWith(".safetensors", StringComparison.Ordinal) &&
            shard.AsSpan().IndexOfAny("/\\:") < 0 && !shard.Any(char.IsControl);
        if (plain) return shard;
        throw new CheckpointException(
            Path,
            $"'weight_map' has {CheckpointException.Quote(shard)} for tensor {CheckpointException.Quote(tensor)}, " +
            "expected the name of a .safetensors file in the same folder");
    }
}
