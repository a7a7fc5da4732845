using System.IO.Compression;
using System.Text.Json;
using Hadal.Tokenization;

namespace Hadal.Tests.Tokenization;

/// <summary>
/// Vocabularies and texts of other people, too large for the repository: a folder <c>shared/data</c> beside its root. Tests that need it
/// are skipped where it is missing. The small ones are copied among the fixtures.
/// </summary>
internal static class SharedData
{
    private static readonly string? s_folder = SharedFolder.Find("data");
    private static readonly Lazy<string> s_deepSeekJson = new(UnpackDeepSeek);
    private static readonly Lazy<Tokenizer> s_deepSeek = new(() => Tokenizer.Load(s_deepSeekJson.Value));

    /// <summary>Full path of a file or folder in there; skips the calling test if it is missing.</summary>
    public static string Require(string relative)
    {
        Skip.If(s_folder is null, "no folder shared/data beside the repository");
        string path = Path.Combine(s_folder!, relative);
        Skip.IfNot(Path.Exists(path), $"no {relative} in {s_folder}");
        return path;
    }

    /// <summary>DeepSeek V3's tokenizer.json, unpacked once.</summary>
    public static string DeepSeekJson()
    {
        Require("tokenizer-deepseek-v3/deepseek-tokenizer.json.gz");
        return s_deepSeekJson.Value;
    }

    /// <summary>DeepSeek V3's tokenizer, read once.</summary>
    public static Tokenizer DeepSeek()
    {
        Require("tokenizer-deepseek-v3/deepseek-tokenizer.json.gz");
        return s_deepSeek.Value;
    }

    /// <summary>A file or folder among the fixtures.</summary>
    public static string Fixture(string relative) => Path.Combine(AppContext.BaseDirectory, "Fixtures", "tokenizers", relative);

    /// <summary>Texts and ids of golden/vectors.json.</summary>
    public static IEnumerable<(string Text, int[] Ids)> DeepSeekVectors()
    {
        using JsonDocument vectors = JsonDocument.Parse(File.ReadAllBytes(Require("tokenizer-deepseek-v3/golden/vectors.json")));
        return [.. vectors.RootElement.EnumerateArray().Select(v => (v.GetProperty("text").GetString()!, v.GetProperty("ids").Deserialize<int[]>()!))];
    }

    private static string UnpackDeepSeek()
    {
        string folder = Directory.CreateTempSubdirectory("hadal-tokenizer-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        string path = Path.Combine(folder, "tokenizer.json");
        using FileStream packed = File.OpenRead(Require("tokenizer-deepseek-v3/deepseek-tokenizer.json.gz"));
        using GZipStream unpacked = new(packed, CompressionMode.Decompress);
        using FileStream file = File.Create(path);
        unpacked.CopyTo(file);
        return path;
    }
}
