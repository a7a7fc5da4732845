using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Inference;
using Hadal.Inference.Chat;
using Hadal.Models;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Models;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;
using Hadal.Tokenization.Training;

namespace Hadal.Tests.Inference.Chat;

/// <summary>
/// A real model that always says the same: attention and experts are zero, and the head maps each token to the next one of a script. So
/// each piece of the script is a token of its own, of two characters at least, and stands in it once.
/// </summary>
internal sealed class ScriptedModel : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Transformer _model;

    /// <param name="source">The chat template; what it writes as markup is in <paramref name="markup"/>.</param>
    /// <param name="script">What the model says, before it ends the text.</param>
    public ScriptedModel(string source, string[] markup, params string[] script)
        : this(source, markup, script, isSpecial: false)
    {
    }

    /// <param name="source">The chat template.</param>
    /// <param name="markup">Its markup.</param>
    /// <param name="script">What the model says.</param>
    /// <param name="isSpecial">Whether all of these tokens are special, and so are not printed.</param>
    public ScriptedModel(string source, string[] markup, string[] script, bool isSpecial)
    {
        string[] tokens = ["<eos>", .. markup.Union(script)];
        BpeTrainer.Bytes(tokens).Write(_folder.Path);
        string file = _folder.At("tokenizer.json"), json = File.ReadAllText(file);
        // Only what ends a text is special, as with DeepSeek; what is special isn't printed.
        int end = json.IndexOf("\"special\": true", StringComparison.Ordinal) + 1;
        if (!isSpecial) File.WriteAllText(file, json[..end] + json[end..].Replace("\"special\": true", "\"special\": false", StringComparison.Ordinal));
        Tokenizer tokenizer = Tokenizer.Load(_folder.Path);
        ChatTemplate template = ChatTemplate.Parse(source, "script");
        RenderedChat prompt = template.RenderWithForeignSpans([new("user", "Hi")], addGenerationPrompt: true, ChatTemplateOptions.Of(tokenizer));
        _model = Model(tokenizer, [tokenizer.EncodeChat(prompt)[^1], .. script.Select(piece => tokenizer.TokenToId(piece)!.Value), 0]);
        Engine = new InferenceEngine(_model, tokenizer, new EngineOptions { Threads = 1 });
        Chat = new ChatModel(Engine, template);
    }

    public InferenceEngine Engine { get; }

    public ChatModel Chat { get; }

    /// <summary>Writes it as a checkpoint, with its template or without.</summary>
    public void Write(string folder, bool hasTemplate = true)
    {
        ModelWriter.Write(_model, folder);
        File.Copy(_folder.At("tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
        if (hasTemplate) File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), Chat.Template.Source);
    }

    public void Dispose()
    {
        Engine.Dispose();
        _model.Dispose();
        _folder.Dispose();
    }

    private static Transformer Model(Tokenizer tokenizer, int[] chain)
    {
        Assert.Empty(chain.GroupBy(id => id).Where(group => group.Count() > 1).Select(group => tokenizer.IdToToken(group.Key)));
        int vocabulary = tokenizer.VocabSize, hidden = (vocabulary + 31) / 32 * 32;
        Transformer model = new(ConfigText.Llama.With("vocab_size", $"{vocabulary}").With("hidden_size", $"{hidden}").With("intermediate_size", "8")
            .With("num_hidden_layers", "1").With("max_position_embeddings", "4096").With("eos_token_id", "0").With("bos_token_id", "null").Read());
        foreach (Parameter parameter in model.Parameters)
        {
            Tensor value = Tensor.Create(parameter.Shape);
            if (!parameter.IsMatrix) value.Span.Fill(1);
            if (parameter == model.Embedding)
            {
                for (int id = 0; id < vocabulary; id++) value.Span[id * hidden + id] = 1;
            }

            if (parameter == model.Head)
            {
                for (int i = 0; i + 1 < chain.Length; i++) value.Span[chain[i + 1] * hidden + chain[i]] = 10;
            }

            parameter.Assign(value);
        }

        return model;
    }
}
