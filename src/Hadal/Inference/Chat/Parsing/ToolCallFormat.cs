using System.Text;
using System.Text.Json;

namespace Hadal.Inference.Chat.Parsing;

/// <summary>How a family of models writes the calls of tools.</summary>
internal abstract class ToolCallFormat
{
    /// <summary>The format that a template writes calls in, for it is the one that its model was trained on; null if none of those known.</summary>
    public static ToolCallFormat? Of(string template)
    {
        if (Has("<｜tool▁call▁begin｜>") && Has("<｜tool▁sep｜>")) return new DeepSeekFormat(isFenced: Has("```json"));
        if (Has("｜DSML｜") && Has("invoke name=")) return new DsmlFormat(Has("function_calls>") ? "function_calls" : "tool_calls");
        // Qwen3-Coder and GLM write no JSON between the same tags.
        if (Has("<tool_call>") && !Has("<function=") && !Has("<arg_key>")) return new HermesFormat();
        return Has("\"parameters\": ") && Has("<|python_tag|>") ? new LlamaFormat() : null;

        bool Has(string text) => template.Contains(text, StringComparison.Ordinal);
    }

    /// <summary>What may be tokens of their own in the vocabulary.</summary>
    public abstract IReadOnlyList<string> Markers { get; }

    /// <summary>A reader for one response.</summary>
    /// <param name="names">The tools that there are.</param>
    public abstract ToolCallReader CreateReader(IReadOnlySet<string> names);

    /// <summary>How a call of one of these tools is forced; null where there is no way.</summary>
    public virtual RequiredCall? Require(IReadOnlyList<Tool> tools) => null;

    // DeepSeek V3 and R1: function<sep>name, then the arguments in a fence; V3.1: name<sep>arguments.
    private sealed class DeepSeekFormat(bool isFenced) : ToolCallFormat
    {
        private const string Separator = "<｜tool▁sep｜>", Fence = "```json";
        private static readonly string[] s_wrappers = ["<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"];

        public override IReadOnlyList<string> Markers => [.. s_wrappers, "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", Separator];

        public override ToolCallReader CreateReader(IReadOnlySet<string> names) =>
            new MarkedCallReader("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", s_wrappers, Parse);

        // The name is markup here, so the model can't be left a choice.
        public override RequiredCall? Require(IReadOnlyList<Tool> tools) => tools is not [Tool tool] ? null : new RequiredCall(
            $"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{(isFenced ? $"function{Separator}" : "")}", tool.Name, isFenced ? $"\n{Fence}\n" : Separator,
            $"{(isFenced ? "\n```" : "")}<｜tool▁call▁end｜><｜tool▁calls▁end｜>", tool.Parameters);

        private ToolCall? Parse(string call)
        {
            int at = call.IndexOf(Separator, StringComparison.Ordinal);
            if (at < 0) return null;
            string left = call[..at].Trim(), right = call[(at + Separator.Length)..].Trim();
            int fence = isFenced ? right.IndexOf(Fence, StringComparison.Ordinal) : -1;
            if (fence < 0) return CallJson.Of(left, right);
            return right.EndsWith("```", StringComparison.Ordinal) && right.Length >= fence + Fence.Length + 3
                ? CallJson.Of(right[..fence].Trim(), right[(fence + Fence.Length)..^3].Trim())
                : null;
        }
    }

    // Qwen2.5, Qwen3, Hermes.
    private sealed class HermesFormat : ToolCallFormat
    {
        public override IReadOnlyList<string> Markers => ["<tool_call>", "</tool_call>"];

        public override ToolCallReader CreateReader(IReadOnlySet<string> names) =>
            new MarkedCallReader("<tool_call>", "</tool_call>", [], text => CallJson.Parse(text, "arguments"));

        public override RequiredCall Require(IReadOnlyList<Tool> tools) =>
            new("<tool_call>\n", "", "", "\n</tool_call>", RequiredCall.NameAnd("arguments", tools));
    }

    // Llama 3.1 to 3.3.
    private sealed class LlamaFormat : ToolCallFormat
    {
        public override IReadOnlyList<string> Markers => [];

        public override ToolCallReader CreateReader(IReadOnlySet<string> names) => new LeadingCallReader(names);

        public override RequiredCall Require(IReadOnlyList<Tool> tools) => new("", "", "", "", RequiredCall.NameAnd("parameters", tools));
    }

    // DeepSeek V3.2 and V4: an element for the call and one for each argument, strings as they are and all else as JSON.
    private sealed class DsmlFormat(string wrapper) : ToolCallFormat
    {
        private const string ArgumentStart = "<｜DSML｜parameter name=\"", ArgumentEnd = "</｜DSML｜parameter>";

        public override IReadOnlyList<string> Markers => ["｜DSML｜"];

        public override ToolCallReader CreateReader(IReadOnlySet<string> names) => new MarkedCallReader(
            "<｜DSML｜invoke name=\"", "</｜DSML｜invoke>", [$"<｜DSML｜{wrapper}>", $"</｜DSML｜{wrapper}>"], Parse);

        private static ToolCall? Parse(string call)
        {
            int end = call.IndexOf("\">", StringComparison.Ordinal);
            if (end <= 0) return null;
            string name = call[..end], rest = call[(end + 2)..].Trim();
            using MemoryStream json = new();
            using (Utf8JsonWriter writer = new(json, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            {
                writer.WriteStartObject();
                for (; rest.Length > 0; rest = rest.TrimStart())
                {
                    if (!Argument(writer, ref rest)) return null;
                }

                writer.WriteEndObject();
            }

            return CallJson.Call(name, Encoding.UTF8.GetString(json.GetBuffer(), 0, (int)json.Length));
        }

        private static bool Argument(Utf8JsonWriter writer, ref string rest)
        {
            int nameEnd = rest.IndexOf("\" string=\"", StringComparison.Ordinal), tagEnd = rest.IndexOf("\">", StringComparison.Ordinal);
            int end = rest.IndexOf(ArgumentEnd, StringComparison.Ordinal);
            if (!rest.StartsWith(ArgumentStart, StringComparison.Ordinal) || nameEnd < 0 || tagEnd < nameEnd + 10 || end < tagEnd) return false;
            string name = rest[ArgumentStart.Length..nameEnd], kind = rest[(nameEnd + 10)..tagEnd], value = rest[(tagEnd + 2)..end];
            rest = rest[(end + ArgumentEnd.Length)..];
            if (kind == "true")
            {
                writer.WriteString(name, value);
                return true;
            }

            try
            {
                using JsonDocument document = JsonDocument.Parse(value);
                writer.WritePropertyName(name);
                document.RootElement.WriteTo(writer);
                return kind == "false";
            }
            catch (JsonException)
            {
                return false;
            }
        }
    }
}
