using System.Security.Cryptography;
using System.Text.Json;
using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Safetensors;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization.Formats;

namespace Hadal.Training;

/// <summary>
/// Saved states of a run. Each is a folder that is also a complete model for other programs: the Hugging Face layout, the tokenizer, and
/// beside them <c>training.json</c> and <c>training.safetensors</c> with everything that the next step depends on. A folder gets its
/// name when all of it is on the disk, and <c>manifest.json</c> has the SHA-256 of every file, so a torn or damaged state is known.
/// </summary>
public sealed class CheckpointStore(RunFolder run)
{
    private const string StateFile = "training.json", TensorFile = "training.safetensors", ManifestFile = "manifest.json";

    /// <summary>Begins a run in its folder, or finds the state that it goes on from, and writes down the recipe as it is used.</summary>
    /// <returns>Steps of the state to go on from; null to begin.</returns>
    /// <exception cref="CheckpointException">The folder holds a run and it is not to be resumed, or all its states are damaged.</exception>
    /// <exception cref="RecipeException">The run was begun by another recipe.</exception>
    internal int? Begin<T>(T recipe, bool resume, ITrainingObserver observer)
    {
        run.RequireNew(resume);
        int? saved = Latest(observer.Message);
        if (saved is not null) SavedRecipe.RequireSame(run.Recipe, recipe);
        else if (resume) observer.Message("no state was saved yet: the run begins.");
        AtomicFile.Write(run.Recipe, System.Text.Encoding.UTF8.GetBytes(RecipeReader.ToJson(recipe)));
        return saved;
    }

    /// <summary>The tensors that any run saves beside the model's own files: the optimiser's, and weights that those files round.</summary>
    internal static IEnumerable<(string Name, Tensor Value)> StateTensors(Transformer model, Optimizer optimizer)
    {
        ElementType stored = model.Embedding.Value.ElementType;
        IEnumerable<(string, Tensor)> rounded = model.Parameters.Where(p => p.Value.ElementType != stored).Select(p => ($"{p.Name}.weight", p.Value));
        return rounded.Concat(optimizer.State);
    }

    /// <summary>Saves a state.</summary>
    /// <param name="step">Steps done.</param>
    /// <param name="model">The weights.</param>
    /// <param name="state">What is not a tensor, as JSON.</param>
    /// <param name="tensors">Optimiser moments, master weights and the like, by name.</param>
    /// <param name="keep">How many states to keep, this one included.</param>
    /// <returns>The folder.</returns>
    /// <exception cref="CheckpointException">The disk refused; earlier states are untouched.</exception>
    public string Save(int step, Transformer model, string state, IReadOnlyList<(string Name, Tensor Value)> tensors, int keep)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentOutOfRangeException.ThrowIfLessThan(keep, 1);
        string target = run.Checkpoint(step), temporary = $"{target}.tmp";
        try
        {
            Directory.CreateDirectory(run.Checkpoints);
            foreach (string leftover in Directory.EnumerateDirectories(run.Checkpoints, "*.tmp*")) Delete(leftover);
            ModelWriter.Write(model, temporary);
            TokenizerConversion.CopyFiles(run.Tokenizer, temporary);
            AtomicFile.Write(Path.Combine(temporary, StateFile), System.Text.Encoding.UTF8.GetBytes(state));
            WriteTensors(Path.Combine(temporary, TensorFile), tensors);
            AtomicFile.Write(Path.Combine(temporary, ManifestFile), JsonSerializer.SerializeToUtf8Bytes(Hashes(temporary), RecipeReader.Options));
            ModelWriter.Replace(target, temporary);
            foreach (int old in run.SavedSteps().Where(saved => saved != step).Skip(keep - 1)) Delete(run.Checkpoint(old));
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(target, "written", e);
        }

        return target;
    }

    /// <summary>The latest state whose files are what its manifest says; null if none was ever saved.</summary>
    /// <param name="damaged">Told about each later state that has to be passed over.</param>
    /// <exception cref="CheckpointException">There are states, but all of them are damaged.</exception>
    public int? Latest(Action<string> damaged)
    {
        ArgumentNullException.ThrowIfNull(damaged);
        IReadOnlyList<int> steps = run.SavedSteps();
        foreach (int step in steps)
        {
            if (Damage(run.Checkpoint(step)) is not { } problem) return step;
            damaged(problem);
        }

        return steps.Count == 0 ? null : throw new CheckpointException(run.Checkpoints, "every saved state in it is damaged, expected one that is whole");
    }

    /// <summary>The folder of a state, which is also a model's.</summary>
    public string Folder(int step) => run.Checkpoint(step);

    /// <summary>What <see cref="Save"/> was given as JSON.</summary>
    public string ReadState(int step) => File.ReadAllText(Path.Combine(run.Checkpoint(step), StateFile));

    /// <summary>Fills tensors with what they held when the state was saved.</summary>
    /// <param name="step">The state.</param>
    /// <param name="tensors">The same names, types and shapes that were saved.</param>
    /// <exception cref="CheckpointException">A tensor is missing, left over, or of another type or size.</exception>
    public void ReadTensors(int step, IReadOnlyList<(string Name, Tensor Value)> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(run.Checkpoint(step), TensorFile));
        foreach ((string name, Tensor value) in tensors)
        {
            SafetensorsEntry entry = file.Entry(name);
            if (entry.ElementType != value.ElementType || entry.ElementCount != value.Shape.Count)
            {
                throw new CheckpointException(file.Path, $"tensor {entry} is not what this recipe trains, expected {value.ElementType} {value.Shape}");
            }

            const int Piece = 1 << 26;
            for (long at = 0; at < entry.ByteLength; at += Piece)
            {
                int length = (int)Math.Min(Piece, entry.ByteLength - at);
                file.ReadBytes(entry, at, length).CopyTo(value.Buffer.AsSpan<byte>(at, length));
            }
        }

        if (file.Tensors.Count != tensors.Count)
        {
            string extra = file.Tensors.Keys.Except(tensors.Select(t => t.Name)).First();
            throw new CheckpointException(file.Path, $"tensor {CheckpointException.Quote(extra)} is left over, expected only what this recipe trains");
        }
    }

    private static void WriteTensors(string path, IReadOnlyList<(string Name, Tensor Value)> tensors)
    {
        Dictionary<string, Tensor> byName = tensors.ToDictionary(t => t.Name, t => t.Value, StringComparer.Ordinal);
        SafetensorsTensorSpec[] specs =
        [
            .. tensors.Select(t => new SafetensorsTensorSpec(
                t.Name, t.Value.ElementType, [.. Enumerable.Range(0, t.Value.Shape.Rank).Select(d => (long)t.Value.Shape[d])])),
        ];
        SafetensorsWriter.Write(path, specs, (spec, stream) =>
        {
            const int Piece = 1 << 20;
            for (long at = 0; at < spec.ByteLength; at += Piece)
            {
                stream.Write(byName[spec.Name].Buffer.AsSpan<byte>(at, (int)Math.Min(Piece, spec.ByteLength - at)));
            }
        });
    }

    private static SortedDictionary<string, string> Hashes(string folder)
    {
        SortedDictionary<string, string> hashes = new(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(folder))
        {
            using FileStream stream = File.OpenRead(file);
            if (Path.GetFileName(file) != ManifestFile) hashes[Path.GetFileName(file)] = Convert.ToHexStringLower(SHA256.HashData(stream));
        }

        return hashes;
    }

    private static string? Damage(string folder)
    {
        string manifest = Path.Combine(folder, ManifestFile);
        try
        {
            if (!File.Exists(manifest)) return $"{folder}: the state has no {ManifestFile} and is passed over.";
            SortedDictionary<string, string>? expected = JsonSerializer.Deserialize<SortedDictionary<string, string>>(File.ReadAllBytes(manifest));
            SortedDictionary<string, string> found = Hashes(folder);
            string? wrong = expected!.Keys.FirstOrDefault(file => found.GetValueOrDefault(file) != expected[file]);
            return wrong is null ? null : $"{Path.Combine(folder, wrong)}: the file is not as it was written, and the state is passed over.";
        }
        catch (JsonException)
        {
            return $"{manifest}: the file is not JSON, and the state is passed over.";
        }
    }

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }
}
