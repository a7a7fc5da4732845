namespace Hadal.Tests.Tokenization.Templates;

/// <summary>
/// The templates of DeepSeekR1: the expected texts follow from reading them, and are what Jinja2 3.1.6 prints, set up as Hugging Face does.
/// </summary>
public sealed class DeepSeekR1TemplateTests
{
    [SkippableFact]
    public void Distilled_Llama_one_user_turn_asks_for_the_answer()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-R1-Distill-Llama-8B").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><｜User｜>Hello<｜Assistant｜><think>

            """,
            text);
    }

    [SkippableFact]
    public void Distilled_Llama_a_conversation_keeps_its_turns()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-R1-Distill-Llama-8B").Render(
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
            <BOS>Be brief.<｜User｜>Hi<｜Assistant｜>Hello!<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜><think>

            """,
            text);
    }

    [SkippableFact]
    public void Distilled_Llama_thinking_in_history_is_stripped()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-R1-Distill-Llama-8B").Render(
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
            <BOS><｜User｜>Hi<｜Assistant｜>

            Hello!<｜end▁of▁sentence｜><｜User｜>x<｜Assistant｜><think>

            """,
            text);
    }

    [SkippableFact]
    public void Distilled_Llama_a_tool_call_with_text_arguments_is_written()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-R1-Distill-Llama-8B").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Weather?"},
                    {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Bern\"}"}}]},
                    {"role": "tool", "content": "sunny"},
                    {"role": "assistant", "content": "It is sunny."}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><｜User｜>Weather?<｜Assistant｜><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather
            ```json
            {"city": "Bern"}
            ```<｜tool▁call▁end｜><｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>sunny<｜tool▁output▁end｜><｜tool▁outputs▁end｜>It is sunny.<｜end▁of▁sentence｜><｜Assistant｜><think>

            """,
            text);
    }

    [SkippableFact]
    public void Distilled_Qwen_one_user_turn_asks_for_the_answer()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><｜User｜>Hello<｜Assistant｜><think>
            </think>
            """,
            text);
    }

    [SkippableFact]
    public void Distilled_Qwen_a_conversation_keeps_its_turns()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B").Render(
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
            <BOS>Be brief.<｜User｜>Hi<｜Assistant｜>Hello!<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜><think>
            </think>
            """,
            text);
    }

    [SkippableFact]
    public void Distilled_Qwen_thinking_in_history_is_stripped()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B").Render(
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
            <BOS><｜User｜>Hi<｜Assistant｜>

            Hello!<｜end▁of▁sentence｜><｜User｜>x<｜Assistant｜><think>
            </think>
            """,
            text);
    }

    [SkippableFact]
    public void Distilled_Qwen_thinking_stays_open_when_enabled()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options("""
                {"enable_thinking": true}
                """));
        Assert.Equal(
            """
            <BOS><｜User｜>Hello<｜Assistant｜><think>

            """,
            text);
    }

    [SkippableFact]
    public void Distilled_Qwen_tool_calls_are_written()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Weather?"},
                    {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}}]},
                    {"role": "tool", "content": "sunny"},
                    {"role": "assistant", "content": "It is sunny."}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><｜User｜>Weather?<｜Assistant｜><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather
            ```json
            {"city": "Zürich", "days": 2}
            ```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜><｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>sunny<｜tool▁output▁end｜><｜tool▁outputs▁end｜>It is sunny.<｜end▁of▁sentence｜><｜Assistant｜><think>
            </think>
            """,
            text);
    }

    [SkippableFact]
    public void R1_one_user_turn_asks_for_the_answer()
    {
        string text = TemplateFiles.Require("llama-cpp-deepseek-r1").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><｜User｜>Hello<｜end▁of▁sentence｜><｜Assistant｜><think>

            """,
            text);
    }

    [SkippableFact]
    public void R1_a_conversation_keeps_its_turns()
    {
        string text = TemplateFiles.Require("llama-cpp-deepseek-r1").Render(
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
            <BOS>Be brief.<｜User｜>Hi<｜end▁of▁sentence｜><｜Assistant｜>Hello!<｜end▁of▁sentence｜><｜User｜>Bye<｜end▁of▁sentence｜><｜Assistant｜><think>

            """,
            text);
    }

    [SkippableFact]
    public void R1_thinking_in_history_is_stripped()
    {
        string text = TemplateFiles.Require("llama-cpp-deepseek-r1").Render(
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
            <BOS><｜User｜>Hi<｜end▁of▁sentence｜><｜Assistant｜>

            Hello!<｜end▁of▁sentence｜><｜User｜>x<｜end▁of▁sentence｜><｜Assistant｜><think>

            """,
            text);
    }

    [SkippableFact]
    public void R1_tools_and_their_calls_are_written()
    {
        string text = TemplateFiles.Require("llama-cpp-deepseek-r1").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Weather?"},
                    {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}}]},
                    {"role": "tool", "content": "sunny"},
                    {"role": "assistant", "content": "It is sunny."}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options("""
                {"tools": [{"type": "function", "function": {"name": "get_weather", "description": "Weather — now", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}
                """));
        Assert.Equal(
            """
            <BOS>You can call any of the following function tools to satisfy the user's requests: [
              {
                "name": "get_weather",
                "description": "Weather — now",
                "parameters": {
                  "type": "object",
                  "properties": {
                    "city": {
                      "type": "string"
                    }
                  },
                  "required": [
                    "city"
                  ]
                }
              }
            ]

            Example function tool call syntax:

            <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>example_function_name
            ```json
            {
              "arg1": "some_value"
              ...
            }
            ```
            <｜tool▁call▁end｜><｜tool▁calls▁end｜>

            <｜User｜>Weather?<｜end▁of▁sentence｜><｜Assistant｜><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather
            ```json
            {"city": "Zürich", "days": 2}
            ```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜><｜tool▁outputs▁begin｜>
            <｜tool▁output▁begin｜>sunny<｜tool▁output▁end｜><｜tool▁outputs▁end｜><｜end▁of▁sentence｜><｜Assistant｜>It is sunny.<｜end▁of▁sentence｜><｜Assistant｜><think>

            """,
            text);
    }

    [SkippableFact]
    public void R1_several_calls_and_results_are_written()
    {
        string text = TemplateFiles.Require("llama-cpp-deepseek-r1").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Weather?"},
                    {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Bern", "days": 1}}}, {"id": "c2", "type": "function", "function": {"name": "now", "arguments": {}}}]},
                    {"role": "tool", "content": "rain"},
                    {"role": "tool", "content": "12:00"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><｜User｜>Weather?<｜end▁of▁sentence｜><｜Assistant｜><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather
            ```json
            {"city": "Bern", "days": 1}
            ```<｜tool▁call▁end｜>
            <｜tool▁call▁begin｜>function<｜tool▁sep｜>now
            ```json
            {}
            ```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜><｜tool▁outputs▁begin｜>
            <｜tool▁output▁begin｜>rain<｜tool▁output▁end｜>
            <｜tool▁output▁begin｜>12:00<｜tool▁output▁end｜><｜tool▁outputs▁end｜><｜end▁of▁sentence｜><｜Assistant｜><think>

            """,
            text);
    }
}
