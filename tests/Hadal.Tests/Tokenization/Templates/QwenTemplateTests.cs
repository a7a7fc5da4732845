namespace Hadal.Tests.Tokenization.Templates;

/// <summary>
/// The templates of Qwen: the expected texts follow from reading them, and are what Jinja2 3.1.6 prints, set up as Hugging Face does.
/// </summary>
public sealed class QwenTemplateTests
{
    [SkippableFact]
    public void Qwen2_5_one_user_turn_asks_for_the_answer()
    {
        string text = TemplateFiles.Require("Qwen-Qwen2.5-7B-Instruct").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <|im_start|>system
            You are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>
            <|im_start|>user
            Hello<|im_end|>
            <|im_start|>assistant

            """,
            text);
    }

    [SkippableFact]
    public void Qwen2_5_a_conversation_keeps_its_turns()
    {
        string text = TemplateFiles.Require("Qwen-Qwen2.5-7B-Instruct").Render(
            Chat.Messages("""
                [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Hello!"},
                    {"role": "user", "content": "Bye"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <|im_start|>system
            Be brief.<|im_end|>
            <|im_start|>user
            Hi<|im_end|>
            <|im_start|>assistant
            Hello!<|im_end|>
            <|im_start|>user
            Bye<|im_end|>
            <|im_start|>assistant

            """,
            text);
    }

    [SkippableFact]
    public void Qwen2_5_tools_and_their_calls_are_written()
    {
        string text = TemplateFiles.Require("Qwen-Qwen2.5-7B-Instruct").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Weather?"},
                    {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}}]},
                    {"role": "tool", "content": "sunny"},
                    {"role": "assistant", "content": "It is sunny."}
                ]
                """),
            addGenerationPrompt: false,
            Chat.Options("""
                {"tools": [{"type": "function", "function": {"name": "get_weather", "description": "Weather — now", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}
                """));
        Assert.Equal(
            """
            <|im_start|>system
            You are Qwen, created by Alibaba Cloud. You are a helpful assistant.

            # Tools

            You may call one or more functions to assist with the user query.

            You are provided with function signatures within <tools></tools> XML tags:
            <tools>
            {"type": "function", "function": {"name": "get_weather", "description": "Weather — now", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
            </tools>

            For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
            <tool_call>
            {"name": <function-name>, "arguments": <args-json-object>}
            </tool_call><|im_end|>
            <|im_start|>user
            Weather?<|im_end|>
            <|im_start|>assistant
            <tool_call>
            {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}
            </tool_call><|im_end|>
            <|im_start|>user
            <tool_response>
            sunny
            </tool_response><|im_end|>
            <|im_start|>assistant
            It is sunny.<|im_end|>

            """,
            text);
    }

    [SkippableFact]
    public void Qwen3_one_user_turn_asks_for_the_answer()
    {
        string text = TemplateFiles.Require("Qwen-Qwen3-0.6B").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <|im_start|>user
            Hello<|im_end|>
            <|im_start|>assistant

            """,
            text);
    }

    [SkippableFact]
    public void Qwen3_a_conversation_keeps_its_turns()
    {
        string text = TemplateFiles.Require("Qwen-Qwen3-0.6B").Render(
            Chat.Messages("""
                [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Hello!"},
                    {"role": "user", "content": "Bye"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <|im_start|>system
            Be brief.<|im_end|>
            <|im_start|>user
            Hi<|im_end|>
            <|im_start|>assistant
            Hello!<|im_end|>
            <|im_start|>user
            Bye<|im_end|>
            <|im_start|>assistant

            """,
            text);
    }

    [SkippableFact]
    public void Qwen3_thinking_in_history_is_stripped()
    {
        string text = TemplateFiles.Require("Qwen-Qwen3-0.6B").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "<think>hm</think>\n\nHello!"},
                    {"role": "user", "content": "x"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <|im_start|>user
            Hi<|im_end|>
            <|im_start|>assistant
            Hello!<|im_end|>
            <|im_start|>user
            x<|im_end|>
            <|im_start|>assistant

            """,
            text);
    }

    [SkippableFact]
    public void Qwen3_tools_and_their_calls_are_written()
    {
        string text = TemplateFiles.Require("Qwen-Qwen3-0.6B").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Weather?"},
                    {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}}]},
                    {"role": "tool", "content": "sunny"},
                    {"role": "assistant", "content": "It is sunny."}
                ]
                """),
            addGenerationPrompt: false,
            Chat.Options("""
                {"tools": [{"type": "function", "function": {"name": "get_weather", "description": "Weather — now", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}
                """));
        Assert.Equal(
            """
            <|im_start|>system
            # Tools

            You may call one or more functions to assist with the user query.

            You are provided with function signatures within <tools></tools> XML tags:
            <tools>
            {"type": "function", "function": {"name": "get_weather", "description": "Weather — now", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
            </tools>

            For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
            <tool_call>
            {"name": <function-name>, "arguments": <args-json-object>}
            </tool_call><|im_end|>
            <|im_start|>user
            Weather?<|im_end|>
            <|im_start|>assistant
            <tool_call>
            {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}
            </tool_call><|im_end|>
            <|im_start|>user
            <tool_response>
            sunny
            </tool_response><|im_end|>
            <|im_start|>assistant
            <think>

            </think>

            It is sunny.<|im_end|>

            """,
            text);
    }

    [SkippableFact]
    public void Qwen3_thinking_can_be_turned_off()
    {
        string text = TemplateFiles.Require("Qwen-Qwen3-0.6B").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options("""
                {"enable_thinking": false}
                """));
        Assert.Equal(
            """
            <|im_start|>user
            Hello<|im_end|>
            <|im_start|>assistant
            <think>

            </think>


            """,
            text);
    }

    [SkippableFact]
    public void Qwen3_thinking_of_the_last_turn_is_kept()
    {
        string text = TemplateFiles.Require("Qwen-Qwen3-0.6B").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Hello!", "reasoning_content": "why"},
                    {"role": "user", "content": "again"},
                    {"role": "assistant", "content": "ok", "reasoning_content": "r2"}
                ]
                """),
            addGenerationPrompt: false,
            Chat.Options());
        Assert.Equal(
            """
            <|im_start|>user
            Hi<|im_end|>
            <|im_start|>assistant
            Hello!<|im_end|>
            <|im_start|>user
            again<|im_end|>
            <|im_start|>assistant
            <think>
            r2
            </think>

            ok<|im_end|>

            """,
            text);
    }
}
