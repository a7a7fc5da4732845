using System.Text.Json;
using Hadal.Tokenization.Templates.Evaluation;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates;

/// <summary>
/// The names that a template finds when it starts, under Hugging Face's names. What messages, tools and variables say is foreign to it.
/// </summary>
internal static class ChatVariables
{
    public static Scope Make(Run run, IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, ChatTemplateOptions options)
    {
        Scope names = new(null);
        foreach (FunctionValue function in Globals.All) names.Set(function.Name, function);
        Value[] list = new Value[messages.Count];
        for (int i = 0; i < list.Length; i++) list[i] = Message(run, messages[i]);
        names.Set("messages", run.Sequence(SequenceKind.List, list));
        names.Set("add_generation_prompt", BooleanValue.Of(addGenerationPrompt));
        names.Set("tools", options.Tools is { } tools
            ? run.Sequence(SequenceKind.List, [.. tools.Select(tool => JsonValues.Of(run, tool))])
            : NoneValue.Instance);
        names.Set("documents", NoneValue.Instance);
        if (options.BosToken is { } bos) names.Set("bos_token", TextValue.Own(bos));
        if (options.EosToken is { } eos) names.Set("eos_token", TextValue.Own(eos));
        foreach (KeyValuePair<Value, Value> pair in Members(run, options.Variables, "variables")) names.Set(((TextValue)pair.Key).Value, pair.Value);
        return names;
    }

    private static MappingValue Message(Run run, ChatMessage message)
    {
        List<KeyValuePair<Value, Value>> members = [];
        Add("role", TextValue.Foreign(message.Role));
        Add("content", message.Content is { } content ? TextValue.Foreign(content) : NoneValue.Instance);
        if (message.Name is { } name) Add("name", TextValue.Foreign(name));
        if (message.ReasoningContent is { } reasoning) Add("reasoning_content", TextValue.Foreign(reasoning));
        if (message.ToolCalls is { } calls) Add("tool_calls", JsonValues.Of(run, calls));
        if (message.ToolCallId is { } id) Add("tool_call_id", TextValue.Foreign(id));
        members.AddRange(Members(run, message.Extra, "further members of a message"));
        return run.Mapping(members);

        void Add(string key, Value value) => members.Add(new(TextValue.Own(key), value));
    }

    private static IReadOnlyList<KeyValuePair<Value, Value>> Members(Run run, JsonElement? json, string what)
    {
        if (json is not { } element) return [];
        return JsonValues.Of(run, element) is MappingValue mapping
            ? mapping.Pairs
            : throw run.Fail($"the {what} are a JSON {element.ValueKind.ToString().ToLowerInvariant()}, expected an object");
    }
}
