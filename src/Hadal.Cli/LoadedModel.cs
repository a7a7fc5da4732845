using System.CommandLine;
using Hadal.Checkpoints;
using Hadal.Cli.Commands;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;

namespace Hadal.Cli;

/// <summary>A model with its tokenizer, as the verbs that generate text take it.</summary>
internal sealed class LoadedModel : IDisposable
{
    /// <summary>Reads both.</summary>
    /// <param name="path">The MODEL argument.</param>
    /// <param name="type">How matrices are held; null as <see cref="ModelReader"/> does.</param>
    public LoadedModel(string path, ElementType? type = null)
    {
        Path = path;
        Tokenizer = Tokenizer.Load(path);
        Conversions.NoteDecodedTypes(path);
        Model = ModelReader.Read(path, type, progress: new ReadingProgress().Report);
    }

    public string Path { get; }

    /// <summary>A name for people: of the folder or the file.</summary>
    public string Name => System.IO.Path.GetFileNameWithoutExtension(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(Path)));

    public Tokenizer Tokenizer { get; }

    public Transformer Model { get; }

    /// <summary>The MODEL argument.</summary>
    public static Argument<string> PathArgument() => new("model") { Description = "Folder of the model, or a .gguf file." };

    /// <summary>The --type option.</summary>
    public static Option<ElementType?> TypeOption()
    {
        string[] names = [.. MatrixTypes.All.Select(Name)];
        Option<ElementType?> option = new("--type")
        {
            Description = $"How matrices are held in memory: {string.Join(", ", names)}; as they are in the files by default.",
            CustomParser = result =>
            {
                string given = result.Tokens[0].Value;
                foreach (ElementType type in MatrixTypes.All)
                {
                    if (given.Equals(Name(type), StringComparison.OrdinalIgnoreCase)) return type;
                }

                result.AddError($"--type is '{given}', expected one of {string.Join(", ", names)}.");
                return null;
            },
        };
        return option;

        static string Name(ElementType type) => type == ElementType.F8Scaled ? "F8" : type.ToString();
    }

    /// <summary>The chat template: of a file, or the one that came with the tokenizer; null if none did.</summary>
    /// <exception cref="TokenizerException">The file can't be read.</exception>
    /// <exception cref="TemplateException">The template can't be read.</exception>
    public ChatTemplate? Template(string? file)
    {
        if (file is null) return Tokenizer.ChatTemplate is { } source ? ChatTemplate.Parse(source, $"{Path}: the chat template") : null;
        try
        {
            return ChatTemplate.Parse(File.ReadAllText(file), file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException(file, $"the chat template could not be read: {e.Message.TrimEnd('.')}", e);
        }
    }

    public void Dispose() => Model.Dispose();
}
