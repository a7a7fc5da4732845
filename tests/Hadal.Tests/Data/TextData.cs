using Hadal.Data;
using Hadal.Tests.Checkpoints;
using Hadal.Tokenization;
using Hadal.Tokenization.Training;

namespace Hadal.Tests.Data;

/// <summary>Files of training data in a folder that lives as long as a test, and a tokenizer of bytes.</summary>
internal sealed class TextData : IDisposable
{
    /// <summary>Special tokens of the tokenizer; they have the first ids.</summary>
    public const string Start = "<|im_start|>", End = "<|im_end|>";

    /// <summary>The template of ChatML.</summary>
    public const string ChatMl =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    private readonly TemporaryFolder _folder = new(inMemory: true);

    public TextData()
    {
        BpeTrainer.Bytes(Start, End).Write(At("tokenizer"));
        Tokenizer = Tokenizer.Load(At("tokenizer"));
    }

    public Tokenizer Tokenizer { get; }

    public string Cache => At("cache");

    public ChatFormat Chat { get; } = new(ChatMl, "ChatML", new());

    public void Dispose() => _folder.Dispose();

    public string At(params string[] names) => _folder.At(names);

    /// <summary>Writes a file; its folder is made if need be.</summary>
    public string Write(string name, string text) => Write(name, System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>Writes a file; its folder is made if need be.</summary>
    public string Write(string name, byte[] content)
    {
        string path = At(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    /// <summary>Opens data without BOS and EOS, so that its tokens are the bytes of its files.</summary>
    public PackedData Open(DataOptions options) => PackedData.Open(options with { AddEos = options.AddEos ?? false }, Tokenizer, Chat, Cache);

    /// <summary>Opens one source.</summary>
    public PackedData Open(DataSource source) => Open(new DataOptions { Sources = [source] });

    /// <summary>Opens a file or folder.</summary>
    public PackedData Open(string path) => Open(new DataSource { Path = path });

    /// <summary>The text of every sequence of an epoch.</summary>
    public List<string> Epoch(PackedData data, int sequenceLength = 1 << 16)
    {
        List<string> texts = [];
        for (long epoch = data.EpochsDone; data.EpochsDone == epoch;) texts.AddRange(Texts(data.Next(4, sequenceLength)));
        return texts;
    }

    /// <summary>The text of every sequence of a batch.</summary>
    public IEnumerable<string> Texts(PackedBatch batch) => batch.Tokens.Sequences.Select(
        rows => Tokenizer.Decode([.. Enumerable.Range(rows.Start, rows.Count).Select(row => batch.Tokens.Ids[row])]));

    /// <summary>What the targets of a sequence say, without the rows that have none.</summary>
    public string Learned(PackedBatch batch, int sequence)
    {
        int[] targets = batch.Targets.Slice(batch.Tokens.Sequences[sequence].Start, batch.Tokens.Sequences[sequence].Count).ToArray();
        return Tokenizer.Decode([.. targets.Where(target => target >= 0)]);
    }
}
