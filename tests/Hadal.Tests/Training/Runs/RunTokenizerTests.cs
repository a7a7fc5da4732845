using System.Text.Json;
using Hadal.Data;
using Hadal.Tests.Checkpoints;
using Hadal.Tokenization;
using Hadal.Training;

namespace Hadal.Tests.Training.Runs;

/// <summary>Vocabularies that a run learns from its own data.</summary>
public sealed class RunTokenizerTests
{
    private static readonly string[] s_documents = [.. Enumerable.Range(0, 60).Select(i => $"{i} 7 -> {i + 7}\n<think>\n{i}+7={i + 7}\n</think>")];

    [Fact]
    public void From_lines_of_JSON_the_vocabulary_is_that_of_the_same_text()
    {
        using TemporaryFolder plain = new(), lines = new();
        string text = Path.Combine(plain.Path, "documents.txt"), json = Path.Combine(lines.Path, "documents.jsonl");
        File.WriteAllText(text, string.Concat(s_documents.Select(document => document + "\n")));
        File.WriteAllLines(json, s_documents.Select(document => JsonSerializer.Serialize(new { body = document })));
        Assert.Equal(
            File.ReadAllBytes(Learn(plain, new DataSource { Path = text })), File.ReadAllBytes(Learn(lines, new DataSource { Path = json, Field = "body" })));
        Assert.Empty(Directory.GetDirectories(Path.Combine(lines.Path, "run"), "*.text"));
    }

    [Fact]
    public void Markup_is_one_token_and_text_all_the_same()
    {
        using TemporaryFolder folder = new();
        string json = Path.Combine(folder.Path, "documents.jsonl");
        File.WriteAllLines(json, s_documents.Select(document => JsonSerializer.Serialize(new { text = document })));
        Tokenizer tokenizer = Tokenizer.Load(Path.GetDirectoryName(Learn(folder, new DataSource { Path = json }))!);
        int[] ids = tokenizer.Encode("<think>\n3+7=10\n</think>");
        Assert.Equal(tokenizer.TokenToId("<think>"), ids[0]);
        Assert.Equal(tokenizer.TokenToId("</think>"), ids[^1]);
        Assert.Equal("<think>\n3+7=10\n</think>", tokenizer.Decode(ids, skipSpecial: true));
    }

    [Fact]
    public void Conversations_and_markup_without_learning_are_refused()
    {
        using TemporaryFolder folder = new();
        string json = Path.Combine(folder.Path, "documents.jsonl");
        File.WriteAllText(json, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]}\n");
        RecipeException e = Assert.Throws<RecipeException>(() => Learn(folder, new DataSource { Path = json, Format = SourceFormat.Chat }));
        Assert.Contains("hadal tokenize train", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<RecipeException>(() => RecipeValidation.Check(TinyRun.Recipe(folder, "tokenizer.markup=[\"<think>\"]")));
        Assert.Contains("tokenizer.markup", e.Message, StringComparison.Ordinal);
    }

    private static string Learn(TemporaryFolder folder, DataSource source)
    {
        TrainingRecipe recipe = TinyRun.Recipe(folder, "tokenizer={\"trainVocabSize\":300,\"markup\":[\"<think>\",\"</think>\"]}", "steps=1", "evaluation.every=0") with
        {
            Data = new DataOptions { Sources = [source] },
        };
        using SilentObserver observer = new();
        using (LanguageModelTraining training = LanguageModelTraining.Open(recipe, observer)) training.Run();
        return Path.Combine(recipe.Output, "tokenizer", "tokenizer.json");
    }
}
