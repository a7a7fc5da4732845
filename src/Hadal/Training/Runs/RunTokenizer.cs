using System.Text.Json;
using System.Text.Json.Nodes;
using Hadal.Checkpoints;
using Hadal.Data;
using Hadal.Data.Reading;
using Hadal.Tokenization;
using Hadal.Tokenization.Formats;
using Hadal.Tokenization.Training;

namespace Hadal.Training;

/// <summary>Puts the tokenizer of a run into its folder, once: copied, or made, with the chat template that the recipe names.</summary>
internal static class RunTokenizer
{
    // The one special token of vocabularies made here; GPT-2's name for it, which other programs know.
    private const string EndOfText = "<|endoftext|>";

    /// <summary>Makes the files if they are not there yet, and opens them.</summary>
    public static Tokenizer Prepare(TrainingRecipe recipe, RunFolder folder, ITrainingObserver observer)
    {
        string target = folder.Tokenizer;
        if (!File.Exists(Path.Combine(target, "tokenizer.json")))
        {
            string temporary = $"{target}.tmp";
            if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
            Make(recipe, temporary, observer);
            Directory.Move(temporary, target);
        }

        return Tokenizer.Load(target);
    }

    private static void Make(TrainingRecipe recipe, string target, ITrainingObserver observer)
    {
        TokenizerSource source = recipe.Tokenizer ?? new TokenizerSource { Path = recipe.Model.Path };
        if (source.Path is { } path)
        {
            if (File.Exists(path)) path = Path.GetDirectoryName(Path.GetFullPath(path))!;
            if (!File.Exists(Path.Combine(path, "tokenizer.json"))) throw new TokenizerException(path, "it has no tokenizer.json, expected a folder with one");
            TokenizerConversion.CopyFiles(path, target);
        }
        else
        {
            (source.TrainVocabSize is { } size ? Learn(size, source.Markup, recipe, target, observer) : BpeTrainer.Bytes(EndOfText)).Write(target);
        }

        if (source.ChatTemplate is { } template) AddTemplate(Path.Combine(target, "tokenizer_config.json"), template);
    }

    private static TrainedBpe Learn(int size, IReadOnlyList<string> markup, TrainingRecipe recipe, string target, ITrainingObserver observer)
    {
        observer.Message($"learning a vocabulary of {size} tokens");
        string scratch = $"{target}.text";
        try
        {
            Directory.CreateDirectory(scratch);
            string[] files = [.. recipe.Data.Sources.SelectMany((source, i) => SourceFiles.Of(source).Select((file, k) => PlainText(source, file, Path.Combine(scratch, $"{i}-{k}.txt"))))];
            return BpeTrainer.Train(files, new BpeTrainerOptions { VocabSize = size, SpecialTokens = [EndOfText], MarkupTokens = markup });
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    // The file itself, or of lines of JSON the documents in them, one after the other.
    private static string PlainText(DataSource source, SourceFile file, string scratch)
    {
        if (file.Format == SourceFormat.Text) return file.Path;
        if (file.Format == SourceFormat.Chat)
        {
            throw new RecipeException($"{file.Path}: a vocabulary can be learnt from text only, not from conversations: make one with 'hadal tokenize train' and name its folder as tokenizer.path.");
        }

        using DelimitedReader reader = new(file.Path, "\n"u8.ToArray());
        using StreamWriter writer = new(scratch);
        while (reader.Next() is { } line)
        {
            if (!DocumentText.IsBlank(line)) writer.Write(DocumentText.Member(line, source.Field) + "\n");
        }

        return scratch;
    }

    private static void AddTemplate(string settings, string template)
    {
        try
        {
            JsonObject keys = File.Exists(settings) ? JsonNode.Parse(File.ReadAllText(settings))!.AsObject() : [];
            keys["chat_template"] = File.ReadAllText(template);
            AtomicFile.Write(settings, JsonSerializer.SerializeToUtf8Bytes(keys, RecipeReader.Options));

            // One that was copied with the vocabulary would come before it.
            File.Delete(Path.Combine(Path.GetDirectoryName(settings)!, "chat_template.jinja"));
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(template, "read", e);
        }
    }
}
