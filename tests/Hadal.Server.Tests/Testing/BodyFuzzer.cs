using System.Text;

namespace Hadal.Server.Tests.Testing;

/// <summary>Makes bodies that no client should send: body i is a function of the seed and i.</summary>
internal sealed class BodyFuzzer(int seed)
{
    private static readonly string[] s_chat =
    [
        """{"model": "scripted", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi."}], "max_tokens": 3, "temperature": 0.7, "top_p": 0.9, "n": 2, "seed": 3, "stop": ["x", "y"], "user": "u", "metadata": {"a": "b"}}""",
        """{"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}], "stream": true, "stream_options": {"include_usage": true}, "logprobs": true, "top_logprobs": 2, "logit_bias": {"5": 1.5}, "max_completion_tokens": 2}""",
        """{"messages": [{"role": "user", "content": "w"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "ok"}], "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}], "tool_choice": "auto", "parallel_tool_calls": false, "max_tokens": 2}""",
        """{"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_schema", "json_schema": {"name": "s", "strict": true, "schema": {"type": "object", "properties": {"a": {"type": "string", "enum": ["x", "y"]}, "b": {"type": "array", "items": {"type": "number"}, "maxItems": 3}}, "required": ["a"], "additionalProperties": false}}}, "max_tokens": 4}""",
        """{"messages": [{"role": "user", "content": "think"}], "presence_penalty": 0.5, "frequency_penalty": -0.5, "repetition_penalty": 1.1, "top_k": 5, "min_p": 0.1, "chat_template_kwargs": {"enable_thinking": true}, "reasoning_effort": "low", "max_tokens": 2}""",
    ];

    private static readonly string[] s_completion =
    [
        """{"model": "scripted", "prompt": "Hello", "max_tokens": 2, "temperature": 0, "echo": true, "n": 2, "stop": "q"}""",
        """{"prompt": ["a", "b"], "max_tokens": 2, "logprobs": 3, "stream": true, "best_of": 1}""",
        """{"prompt": [[10, 11], [12]], "max_tokens": 2, "suffix": null, "seed": -7}""",
    ];

    private static readonly string[] s_embedding =
        ["""{"model": "scripted", "input": "Hello", "encoding_format": "base64"}""", """{"input": [[1, 2], [3]], "encoding_format": "float", "user": "u"}"""];

    private static readonly string[] s_strange =
    [
        "null", "true", "-1", "0", "1e999", "-1e-999", "99999999999999999999999999999999", "1.5", "\"\"", "\"x\"", "\"\\ud800\"", "\"\\u0000\"", "[]", "{}", "[[]]", "{\"a\":{}}",
        "[null]", "2147483648", "9223372036854775808", "\"<|end|><|assistant|>\"", "\"\ud83d\ude00\"", "{\"type\":\"function\"}", "[1,2,3]", "-0", "1E+2", "\"1\"",
    ];

    private static readonly string[] s_names =
    [
        "messages", "prompt", "input", "role", "content", "type", "text", "tools", "tool_calls", "function", "name", "arguments", "stop", "n", "logit_bias", "schema", "json_schema",
        "response_format", "properties", "items", "enum", "$ref", "anyOf", "pattern", "stream", "seed", "\\ud800", "", "required", "additionalProperties", "minItems",
    ];

    /// <summary>A route and a body for it.</summary>
    public (string Path, byte[] Body) Make(int index)
    {
        Random random = new(HashCode(index));
        (string path, string[] valid) = random.Next(6) switch
        {
            < 3 => ("/v1/chat/completions", s_chat),
            < 5 => ("/v1/completions", s_completion),
            _ => ("/v1/embeddings", s_embedding),
        };
        string body = valid[random.Next(valid.Length)];
        return (path, random.Next(10) switch
        {
            0 => Garbage(random),
            1 => Encoding.UTF8.GetBytes(Json(random, random.Next(1, 8))),
            2 => Encoding.UTF8.GetBytes(Nested(random, body)),
            3 or 4 => Bytes(random, Encoding.UTF8.GetBytes(body)),
            _ => Encoding.UTF8.GetBytes(Values(random, body)),
        });
    }

    private int HashCode(int index) => unchecked((seed * 1_000_003) + index);

    private static byte[] Garbage(Random random)
    {
        byte[] bytes = new byte[random.Next(300)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static string Json(Random random, int depth)
    {
        int kind = random.Next(depth > 0 ? 4 : 2);
        if (kind < 2) return s_strange[random.Next(s_strange.Length)];
        IEnumerable<string> items = Enumerable.Range(0, random.Next(5)).Select(_ => Json(random, depth - 1));
        return kind == 2 ? $"[{string.Join(',', items)}]" : $"{{{string.Join(',', items.Select(item => $"\"{s_names[random.Next(s_names.Length)]}\":{item}"))}}}";
    }

    private static string Nested(Random random, string body)
    {
        int depth = 1 << random.Next(1, 15);
        (string open, string close) = random.Next(2) == 0 ? ("[", "]") : ("{\"a\":", "}");
        string deep = string.Concat(Enumerable.Repeat(open, depth)) + "1" + (random.Next(2) == 0 ? string.Concat(Enumerable.Repeat(close, depth)) : "");
        return random.Next(2) == 0 ? deep : Replace(random, body, deep);
    }

    private static byte[] Bytes(Random random, byte[] body)
    {
        List<byte> bytes = [.. body];
        for (int change = random.Next(1, 6); change > 0 && bytes.Count > 2; change--)
        {
            int at = random.Next(bytes.Count), length = random.Next(1, Math.Min(20, bytes.Count - at) + 1);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes.RemoveRange(at, length);
                    break;
                case 2:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                default:
                    bytes[at] = (byte)random.Next(256);
                    break;
            }
        }

        return [.. bytes];
    }

    private static string Values(Random random, string body)
    {
        for (int change = random.Next(1, 4); change > 0; change--) body = Replace(random, body, random.Next(3) == 0 ? Json(random, 3) : s_strange[random.Next(s_strange.Length)]);
        return body;
    }

    // Puts something in the place of the value behind some colon.
    private static string Replace(Random random, string body, string value)
    {
        int[] colons = [.. Enumerable.Range(0, body.Length).Where(i => body[i] == ':')];
        if (colons.Length == 0) return value;
        int start = colons[random.Next(colons.Length)] + 1, end = start, depth = 0;
        while (end < body.Length && (depth > 0 || body[end] is not (',' or '}' or ']')))
        {
            if (body[end] is '{' or '[') depth++;
            if (body[end] is '}' or ']') depth--;
            end++;
        }

        return body[..start] + value + body[end..];
    }
}
