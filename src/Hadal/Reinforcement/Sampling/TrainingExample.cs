using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Hadal.Checkpoints;

namespace Hadal.Reinforcement.Sampling;

/// <summary>How examples are written, an object of JSON a line.</summary>
public enum ExampleFormat
{
    /// <summary>
    /// <c>{"messages":[{"role":"user",...},{"role":"assistant",...}]}</c>: for fine-tuning of a model with a chat template, with the loss on what
    /// the assistant says.
    /// </summary>
    Chat,

    /// <summary><c>{"text": "..."}</c>, prompt and response in one: for models that are asked without a template, with the loss on all of it.</summary>
    Text,
}

/// <summary>A question with a response to train on.</summary>
/// <param name="Question">What a user asks.</param>
/// <param name="Response">All that is to be answered, the opening of the reasoning included.</param>
/// <param name="Text">Prompt and response as one text.</param>
public sealed record TrainingExample(string Question, string Response, string Text)
{
    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The example as a line, without its end.</summary>
    public string ToLine(ExampleFormat format) => format == ExampleFormat.Text
        ? JsonSerializer.Serialize(new { text = Text }, s_json)
        : JsonSerializer.Serialize(new { messages = new[] { new { role = "user", content = Question }, new { role = "assistant", content = Response } } }, s_json);

    /// <summary>Writes examples, a line each. The file appears whole or not at all.</summary>
    /// <exception cref="CheckpointException">The file can't be written; an old one is untouched.</exception>
    public static void Write(string path, IEnumerable<TrainingExample> examples, ExampleFormat format)
    {
        ArgumentNullException.ThrowIfNull(examples);
        using AtomicFile file = new(path);
        foreach (TrainingExample example in examples) file.Stream.Write(Encoding.UTF8.GetBytes(example.ToLine(format) + "\n"));
        file.Commit();
    }
}
