using System.Text.Json;
using Hadal.Inference.Chat;
using Hadal.Server.Contracts;
using Hadal.Server.Http;

namespace Hadal.Server.Endpoints;

/// <summary>Turns the body of a chat completion into what the library takes.</summary>
internal static class ChatRequestReader
{
    private const int MostAlternatives = 20, MaxTools = 128;

    /// <summary>Reads a body.</summary>
    /// <exception cref="ApiException">Something in it can't be.</exception>
    public static ChatRequest Read(ApiCall call, ChatCompletionRequest body)
    {
        if (body.Modalities is { } modalities && modalities.Any(m => m != "text")) throw ApiException.BadValue("modalities", "must be [\"text\"]");
        List<JsonElement> tools = Tools(body);
        return new ChatRequest
        {
            Messages = MessageReader.Read(body.Messages),
            Tools = tools,
            ToolChoice = Choice(body.ToolChoice, tools),
            Sampling = SamplingReader.Sampling(body, call.Model.Engine.Tokenizer.VocabSize),
            MaxTokens = Bounds.AnswerTokens(call, Tokens(body)),
            Samples = SamplingReader.Samples(body, call.Options),
            StopStrings = SamplingReader.Stops(body),
            TopLogProbs = Alternatives(body),
            Format = Format(body.ResponseFormat),
            TemplateVariables = Variables(body),
        };
    }

    private static int? Tokens(ChatCompletionRequest body)
    {
        if (body is { MaxTokens: not null, MaxCompletionTokens: not null } && body.MaxTokens != body.MaxCompletionTokens)
        {
            throw ApiException.BadValue("max_tokens", "differs from 'max_completion_tokens', expected one of them");
        }

        if (body.MaxTokens is { } tokens) SamplingReader.Between(tokens, 1, int.MaxValue, "max_tokens");
        if (body.MaxCompletionTokens is { } completion) SamplingReader.Between(completion, 1, int.MaxValue, "max_completion_tokens");
        return body.MaxCompletionTokens ?? body.MaxTokens;
    }

    private static int? Alternatives(ChatCompletionRequest body)
    {
        if (body.Logprobs != true)
        {
            return body.TopLogprobs is null or 0 ? null : throw ApiException.BadValue("top_logprobs", "is only allowed with 'logprobs': true");
        }

        return (int)SamplingReader.Between(body.TopLogprobs ?? 0, 0, MostAlternatives, "top_logprobs");
    }

    private static List<JsonElement> Tools(ChatCompletionRequest body)
    {
        List<JsonElement> tools = body.Tools ?? [];
        if (tools.Count > MaxTools) throw ApiException.BadValue("tools", $"has {tools.Count} tools, expected at most {MaxTools}");
        for (int i = 0; i < tools.Count; i++) CheckTool(tools[i], $"tools[{i}]");
        return tools;
    }

    private static ToolChoice Choice(JsonElement? given, List<JsonElement> tools)
    {
        if (!JsonTexts.IsGiven(given)) return ToolChoice.Auto;
        JsonElement choice = given!.Value;
        if (choice.ValueKind == JsonValueKind.String && JsonTexts.Read(choice, "tool_choice") == "none") return ToolChoice.None;
        if (tools.Count == 0) throw ApiException.BadValue("tool_choice", "is only allowed with 'tools'");
        if (choice.ValueKind == JsonValueKind.String)
        {
            return JsonTexts.Read(choice, "tool_choice") switch
            {
                "auto" => ToolChoice.Auto,
                "required" => ToolChoice.Required,
                _ => throw WrongChoice(),
            };
        }

        JsonTexts.Check(choice, "tool_choice");
        CheckTool(choice, "tool_choice");
        string name = choice.GetProperty("function").GetProperty("name").GetString()!;
        return tools.Exists(tool => tool.GetProperty("function").GetProperty("name").ValueEquals(name))
            ? ToolChoice.Function(name)
            : throw ApiException.BadValue("tool_choice", "names a function that is not among 'tools'");
    }

    private static ApiException WrongChoice() => ApiException.BadValue("tool_choice", "must be 'none', 'auto', 'required' or an object that names a function");

    private static void CheckTool(JsonElement tool, string param)
    {
        JsonTexts.Check(tool, param);
        if (tool.ValueKind != JsonValueKind.Object || !tool.TryGetProperty("type", out JsonElement type) || !Is(type, "function"))
        {
            throw ApiException.BadValue(param, "must be an object with 'type': 'function'");
        }

        if (!tool.TryGetProperty("function", out JsonElement function) || function.ValueKind != JsonValueKind.Object
            || !function.TryGetProperty("name", out JsonElement name) || name.ValueKind != JsonValueKind.String || name.ValueEquals(""))
        {
            throw ApiException.BadValue(param, "must have a 'function' with a 'name'");
        }
    }

    private static bool Is(JsonElement element, string text) => element.ValueKind == JsonValueKind.String && element.ValueEquals(text);

    private static ResponseFormat Format(RequestFormat? format)
    {
        switch (format?.Type)
        {
            case null when format is null:
            case "text":
                return ResponseFormat.Text;
            case "json_object":
                return ResponseFormat.JsonObject;
            case "json_schema":
                const string Param = "response_format.json_schema.schema";
                if (format.JsonSchema?.Schema is not { } schema || schema.ValueKind is not (JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False))
                {
                    throw ApiException.BadValue(Param, "must be a JSON schema");
                }

                JsonTexts.Check(schema, Param);
                return ResponseFormat.JsonSchema(schema);
            default:
                throw ApiException.BadValue("response_format.type", "must be 'text', 'json_object' or 'json_schema'");
        }
    }

    private static JsonElement? Variables(ChatCompletionRequest body)
    {
        Dictionary<string, JsonElement> variables = [];
        if (body.ReasoningEffort is { } effort) variables["reasoning_effort"] = JsonSerializer.SerializeToElement(effort, ServerJson.Relaxed.String);
        if (JsonTexts.IsGiven(body.ChatTemplateKwargs))
        {
            JsonElement given = body.ChatTemplateKwargs!.Value;
            if (given.ValueKind != JsonValueKind.Object) throw ApiException.BadValue("chat_template_kwargs", "must be an object");
            JsonTexts.Check(given, "chat_template_kwargs");
            foreach (JsonProperty variable in given.EnumerateObject()) variables[Allowed(variable.Name)] = variable.Value;
        }

        return variables.Count == 0 ? null : JsonSerializer.SerializeToElement(variables, ServerJson.Relaxed.DictionaryStringJsonElement);
    }

    // Messages and tools come by their own members, where they are checked.
    private static string Allowed(string variable) => variable is "messages" or "tools" or "add_generation_prompt" or "bos_token" or "eos_token"
        ? throw ApiException.BadValue("chat_template_kwargs", $"must not set '{variable}'")
        : variable;
}
