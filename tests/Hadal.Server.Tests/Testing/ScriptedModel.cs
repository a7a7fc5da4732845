using System.Text.Json;
using System.Text.Json.Nodes;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;
using Hadal.Tokenization.Training;

namespace Hadal.Server.Tests.Testing;

/// <summary>
/// A language model made in memory that says what its script says: each token has its successors, equally probable, whatever came before.
/// It is a Llama whose attention and feed-forward add nothing, whose embedding is the identity and whose head is the table of successors,
/// so everything that a real model runs through is run through.
/// </summary>
internal static class ScriptedModel
{
    public const string End = "<|end|>", ModelId = "scripted";

    // Logits of successors; those of all other tokens are 0.
    private const float Certainty = 30;

    private static readonly string[] s_special = ["<|begin|>", End, "<|turn|>", "<|assistant|>", "<|thinker|>", "<|caller|>", "<|sampler|>", "<|singer|>"];

    private static readonly string[] s_colours = ["red", "green", "blue", "white", "black", "pink", "grey", "gold"];

    // What follows what. Phrases are tokens of their own.
    private static readonly (string Token, string[] Successors)[] s_script =
    [
        ("<|assistant|>", ["Hello"]), ("Hello", [" there"]), (" there", [","]), (",", [" friend"]), (" friend", ["."]), (".", [End]),
        ("<|thinker|>", ["<think>"]), ("<think>", ["I wonder"]), ("I wonder", ["</think>"]), ("</think>", ["Forty-two"]), ("Forty-two", [End]),
        ("<|caller|>", ["<tool_call>"]), ("<tool_call>", [Call]), (Call, ["</tool_call>"]), ("</tool_call>", [End]),
        ("<|sampler|>", s_colours), .. s_colours.Select(colour => (colour, new[] { End })),
        ("<|singer|>", ["la "]), ("la ", ["la "]),
    ];

    private const string Call = "\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n";

    /// <summary>Its chat template: what the last message asks for decides how the assistant begins.</summary>
    private const string Template =
        "<|begin|>{% if tools %}<tools>{{ tools | tojson }}</tools>{% endif %}" +
        "{% for m in messages %}{% if m.role == 'forbidden' or m.content == 'forbidden' %}{{ raise_exception('not this') }}{% endif %}" +
        "<|turn|>{{ m.role }}: {% if m.content %}{{ m.content }}{% endif %}" +
        "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}{% endfor %}" +
        "{% if add_generation_prompt %}{% if tools %}<|caller|>{% elif 'think' in (messages[-1].content or '') %}<|thinker|>" +
        "{% elif 'colour' in (messages[-1].content or '') %}<|sampler|>{% elif 'sing' in (messages[-1].content or '') %}<|singer|>" +
        "{% else %}<|assistant|>{% endif %}{% endif %}";

    /// <summary>Makes the model with its engine.</summary>
    public static ServedModel Create(EngineOptions? options = null, int context = 4096, bool hasTemplate = true)
    {
        Tokenizer tokenizer = MakeTokenizer();
        Transformer model = MakeModel(tokenizer, context);
        return new ServedModel(ModelId, new InferenceEngine(model, tokenizer, options ?? new EngineOptions { Threads = 1 }), hasTemplate ? ChatTemplate.Parse(Template, "scripted") : null);
    }

    /// <summary>Writes the tokenizer as files, reads it back with the phrases as text rather than control.</summary>
    private static Tokenizer MakeTokenizer()
    {
        string folder = Directory.CreateTempSubdirectory("hadal-scripted-").FullName;
        try
        {
            string[] phrases = [.. s_script.Select(line => line.Token).Concat(s_script.SelectMany(line => line.Successors)).Distinct().Except(s_special).Where(phrase => phrase.Length > 1)]; // single characters are tokens already
            BpeTrainer.Bytes([.. s_special, .. phrases]).Write(folder);
            string path = Path.Combine(folder, "tokenizer.json");
            JsonNode file = JsonNode.Parse(File.ReadAllText(path))!;
            foreach (JsonNode? token in file["added_tokens"]!.AsArray()) token!["special"] = s_special.Contains((string)token["content"]!);
            File.WriteAllText(path, file.ToJsonString());
            string settings = Path.Combine(folder, "tokenizer_config.json");
            JsonNode config = JsonNode.Parse(File.ReadAllText(settings))!;
            config["eos_token"] = End;
            File.WriteAllText(settings, config.ToJsonString());
            return Tokenizer.Load(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Transformer MakeModel(Tokenizer tokenizer, int context)
    {
        int size = (tokenizer.VocabSize + 7) / 8 * 8; // one hidden number for each token, in 4 heads of even size
        string config = $$"""
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": {{size}}, "hidden_size": {{size}}, "intermediate_size": 8,
             "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 1, "max_position_embeddings": {{context}}, "hidden_act": "silu",
             "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "initializer_range": 0.02, "eos_token_id": {{tokenizer.TokenToId(End)}}}
            """;
        Transformer model = new(ModelConfig.Read(JsonElement.Parse(config), "scripted"));
        model.Initialise(seed: 1);
        foreach (Parameter parameter in model.Parameters.Where(p => p.Kind == ParameterKind.Projection)) parameter.Value.Span.Clear();
        model.Embedding.Value.Span.Clear();
        model.Head.Value.Span.Clear();
        for (int i = 0; i < size; i++) model.Embedding.Value.Span[(i * size) + i] = 1;

        // The norm makes the one √size.
        foreach ((string token, string[] successors) in s_script)
        {
            foreach (string successor in successors) model.Head.Value.Span[(Id(successor) * size) + Id(token)] = Certainty / MathF.Sqrt(size);
        }

        return model;

        int Id(string token) => tokenizer.TokenToId(token) ?? throw new InvalidOperationException($"there is no token '{token}'");
    }
}
