using System.Text;

namespace Hadal.Tests.Tokenization;

/// <summary>Vocabularies of a few tokens in every format, for tests that damage them.</summary>
internal static class SmallFiles
{
    /// <summary>tokenizer.json of the byte-level kind.</summary>
    public const string Json = """
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [{"id": 8, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
         "normalizer": null,
         "pre_tokenizer": {"type": "ByteLevel", "use_regex": true, "add_prefix_space": false, "trim_offsets": true},
         "post_processor": {"type": "TemplateProcessing",
          "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
          "special_tokens": {"<s>": {"id": "<s>", "ids": [8], "tokens": ["<s>"]}}},
         "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
         "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
          "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
          "vocab": {"h": 0, "e": 1, "l": 2, "o": 3, "he": 4, "ll": 5, "llo": 6, "hello": 7},
          "merges": ["h e", "l l", ["ll", "o"], "he llo"]}}
        """;

    /// <summary>.tiktoken with all bytes.</summary>
    public static byte[] Tiktoken()
    {
        StringBuilder text = new();
        for (int b = 0; b < 256; b++) text.Append($"{Convert.ToBase64String([(byte)b])} {b}\n");
        string[] more = ["he", "ll", "llo", "hello"];
        for (int i = 0; i < more.Length; i++) text.Append($"{Convert.ToBase64String(Encoding.UTF8.GetBytes(more[i]))} {256 + i}\n");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>GGUF with a vocabulary and no tensors.</summary>
    public static byte[] Gguf(string model)
    {
        string[] tokens = model == "llama"
            ? ["<unk>", "<s>", "\u2581", "h", "e", "l", "o", "he", "ll", "llo", "hello", "<0x21>", "</s>"]
            : ["<unk>", "<s>", "\u0120", "h", "e", "l", "o", "he", "ll", "llo", "hello", "!", "</s>"];
        int[] types = [2, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, model == "llama" ? 6 : 1, 3];
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write(0L);
        writer.Write(9L);
        Key("tokenizer.ggml.model", 8);
        Text(model);
        Key("tokenizer.ggml.pre", 8);
        Text("gpt-2");
        Key("tokenizer.ggml.tokens", 9);
        List(8, tokens.Length);
        foreach (string token in tokens) Text(token);
        Key("tokenizer.ggml.token_type", 9);
        List(5, types.Length);
        foreach (int type in types) writer.Write(type);
        Key("tokenizer.ggml.scores", 9);
        List(6, tokens.Length);
        for (int i = 0; i < tokens.Length; i++) writer.Write(-(float)i);
        Key("tokenizer.ggml.merges", 9);
        string[] merges = ["h e", "l l", "ll o", "he llo"];
        List(8, merges.Length);
        foreach (string merge in merges) Text(merge);
        Key("tokenizer.ggml.bos_token_id", 4);
        writer.Write(1);
        Key("tokenizer.ggml.eos_token_id", 4);
        writer.Write(12);
        Key("tokenizer.ggml.add_bos_token", 7);
        writer.Write(true);
        return stream.ToArray();

        void Key(string name, int type)
        {
            Text(name);
            writer.Write(type);
        }

        void List(int type, long count)
        {
            writer.Write(type);
            writer.Write(count);
        }

        void Text(string text)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            writer.Write((long)bytes.Length);
            writer.Write(bytes);
        }
    }
}
