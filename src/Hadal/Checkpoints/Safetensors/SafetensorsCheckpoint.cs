namespace Hadal.Checkpoints.Safetensors;

/// <summary>A tensor of a checkpoint: the file that holds it and its entry there.</summary>
/// <param name="File">The file.</param>
/// <param name="Entry">The tensor's entry in that file.</param>
public readonly record struct CheckpointTensor(SafetensorsFile File, SafetensorsEntry Entry);

/// <summary>
/// The tensors of a folder in one view: <c>model.safetensors</c>, or the shards that <c>model.safetensors.index.json</c> names. The index
/// and the shards must agree on every tensor before one is read.
/// </summary>
public sealed class SafetensorsCheckpoint : IDisposable
{
    /// <summary>Name of a checkpoint that is one file.</summary>
    public const string SingleFileName = "model.safetensors";

    /// <summary>Name of the index of a checkpoint in shards.</summary>
    public const string IndexFileName = "model.safetensors.index.json";

    private readonly List<SafetensorsFile> _files = [];
    private readonly OrderedDictionary<string, CheckpointTensor> _tensors = [];

    private SafetensorsCheckpoint(string path) => Path = path;

    /// <summary>The folder, or the file for a checkpoint opened as one file.</summary>
    public string Path { get; }

    /// <summary>The tensors by name: shard by shard, and in each shard's order.</summary>
    public IReadOnlyDictionary<string, CheckpointTensor> Tensors => _tensors;

    /// <summary>The files, in the order in which the index first names them.</summary>
    public IReadOnlyList<SafetensorsFile> Files => _files;

    /// <summary>Opens a folder. If it has both a single file and an index, the single file counts, as for other loaders.</summary>
    /// <exception cref="CheckpointException">The folder has neither, or a file is malformed, missing or at odds with the index.</exception>
    public static SafetensorsCheckpoint Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string single = System.IO.Path.Combine(folder, SingleFileName);
        string index = System.IO.Path.Combine(folder, IndexFileName);
        if (File.Exists(single)) return OpenFiles(folder, checkpoint => checkpoint.AddWhole(SafetensorsFile.Open(single)));
        if (File.Exists(index)) return OpenFiles(folder, checkpoint => checkpoint.AddShards(folder, SafetensorsIndex.Read(index)));
        string found = Directory.Exists(folder) ? "the folder has neither" : "there is no such folder";
        throw new CheckpointException(folder, $"{found}, expected a folder with {SingleFileName} or {IndexFileName}");
    }

    /// <summary>Opens one .safetensors file as a checkpoint.</summary>
    /// <exception cref="CheckpointException">The file can't be read or is malformed.</exception>
    public static SafetensorsCheckpoint OpenFile(string path) =>
        OpenFiles(path, checkpoint => checkpoint.AddWhole(SafetensorsFile.Open(path)));

    /// <summary>A tensor by name.</summary>
    /// <exception cref="CheckpointException">The checkpoint has no such tensor.</exception>
    public CheckpointTensor Tensor(string name) => _tensors.TryGetValue(name, out CheckpointTensor tensor)
        ? tensor
        : throw new CheckpointException(Path, $"there is no tensor {CheckpointException.Quote(name)}");

    /// <summary>Elements of a tensor of any float type as F32, see <see cref="SafetensorsFile.ReadSingle"/>.</summary>
    /// <exception cref="CheckpointException">The checkpoint has no such tensor, or its type is no float format.</exception>
    public void ReadSingle(string name, long elementOffset, Span<float> destination)
    {
        CheckpointTensor tensor = Tensor(name);
        tensor.File.ReadSingle(tensor.Entry, elementOffset, destination);
    }

    /// <summary>Closes all files.</summary>
    public void Dispose()
    {
        foreach (SafetensorsFile file in _files) file.Dispose();
    }

    private static SafetensorsCheckpoint OpenFiles(string path, Action<SafetensorsCheckpoint> open)
    {
        SafetensorsCheckpoint checkpoint = new(path);
        try
        {
            open(checkpoint);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    private void AddWhole(SafetensorsFile file)
    {
        _files.Add(file);
        foreach ((string name, SafetensorsEntry entry) in file.Tensors) _tensors.Add(name, new CheckpointTensor(file, entry));
    }

    private void AddShards(string folder, SafetensorsIndex index)
    {
        Dictionary<string, SafetensorsFile> byShard = [];
        foreach (string shard in index.Shards)
        {
            string path = System.IO.Path.Combine(folder, shard);
            if (!File.Exists(path))
            {
                throw new CheckpointException(
                    index.Path, $"it names the shard {CheckpointException.Quote(shard)}, which is not in the folder");
            }

            SafetensorsFile file = SafetensorsFile.Open(path);
            _files.Add(file);
            byShard.Add(shard, file);
        }

        foreach ((string shard, SafetensorsFile file) in byShard)
        {
            foreach ((string name, SafetensorsEntry entry) in file.Tensors)
            {
                RequireAgreement(index, byShard, shard, file, name);
                _tensors.Add(name, new CheckpointTensor(file, entry));
            }
        }

        foreach ((string name, string shard) in index.WeightMap)
        {
            if (_tensors.ContainsKey(name)) continue;
            throw new CheckpointException(
                index.Path,
                $"it says that tensor {CheckpointException.Quote(name)} is in {CheckpointException.Quote(shard)}, which does not have it");
        }
    }

    private static void RequireAgreement(
        SafetensorsIndex index, Dictionary<string, SafetensorsFile> byShard, string shard, SafetensorsFile file, string name)
    {
        if (!index.WeightMap.TryGetValue(name, out string? named))
        {
            throw new CheckpointException(
                file.Path, $"tensor {CheckpointException.Quote(name)} is not in {IndexFileName}, expected every tensor of a shard there");
        }

        if (named == shard) return;
        string found = byShard[named].Tensors.ContainsKey(name) ? "is also in" : "should be in";
        throw new CheckpointException(
            file.Path,
            $"tensor {CheckpointException.Quote(name)} {found} {CheckpointException.Quote(named)}, " +
            $"expected it only there, as {IndexFileName} says");
    }
}
