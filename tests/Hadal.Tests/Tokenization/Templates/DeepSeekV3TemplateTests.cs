namespace Hadal.Tests.Tokenization.Templates;

/// <summary>
/// The templates of DeepSeekV3: the expected texts follow from reading them, and are what Jinja2 3.1.6 prints, set up as Hugging Face does.
/// </summary>
public sealed class DeepSeekV3TemplateTests
{
    [SkippableFact]
    public void V3_1_one_user_turn_asks_for_the_answer()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.1").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><｜User｜>Hello<｜Assistant｜><think></think>
            """,
            text);
    }

    [SkippableFact]
    public void V3_1_a_conversation_keeps_its_turns()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.1").Render(
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
            <BOS>Be brief.<｜User｜>Hi<｜Assistant｜><think></think>Hello!<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜><think></think>
            """,
            text);
    }

    [SkippableFact]
    public void V3_1_thinking_in_history_is_stripped()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.1").Render(
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
            <BOS><｜User｜>Hi<｜Assistant｜><think></think>

            Hello!<｜end▁of▁sentence｜><｜User｜>x<｜Assistant｜><think></think>
            """,
            text);
    }

    [SkippableFact]
    public void V3_1_a_thinking_prompt_opens_the_thinking()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.1").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options("""
                {"thinking": true}
                """));
        Assert.Equal(
            """
            <BOS><｜User｜>Hello<｜Assistant｜><think>
            """,
            text);
    }

    [SkippableFact]
    public void V3_1_thinking_is_kept_where_the_template_keeps_it()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.1").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Hello!", "reasoning_content": "why"},
                    {"role": "user", "content": "again"},
                    {"role": "assistant", "content": "ok", "reasoning_content": "r2"}
                ]
                """),
            addGenerationPrompt: false,
            Chat.Options("""
                {"thinking": true}
                """));
        Assert.Equal(
            """
            <BOS><｜User｜>Hi<｜Assistant｜><think></think>Hello!<｜end▁of▁sentence｜><｜User｜>again<｜Assistant｜><think></think>ok<｜end▁of▁sentence｜>
            """,
            text);
    }

    [SkippableFact]
    public void V3_1_tool_calls_are_written()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.1").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Weather?"},
                    {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}}]},
                    {"role": "tool", "content": "sunny"},
                    {"role": "assistant", "content": "It is sunny."}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><｜User｜>Weather?<｜Assistant｜><think></think><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "Zürich", "days": 2}<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜><｜tool▁output▁begin｜>sunny<｜tool▁output▁end｜>It is sunny.<｜end▁of▁sentence｜>
            """,
            text);
    }

    [SkippableFact]
    public void V3_2_one_user_turn_asks_for_the_answer()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.2").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><｜User｜>Hello<｜Assistant｜><think></think>
            """,
            text);
    }

    [SkippableFact]
    public void V3_2_a_conversation_keeps_its_turns()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.2").Render(
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
            <BOS>Be brief.<｜User｜>Hi<｜Assistant｜></think>Hello!<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜><think></think>
            """,
            text);
    }

    [SkippableFact]
    public void V3_2_a_thinking_prompt_opens_the_thinking()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.2").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options("""
                {"thinking": true}
                """));
        Assert.Equal(
            """
            <BOS><｜User｜>Hello<｜Assistant｜><think>
            """,
            text);
    }

    [SkippableFact]
    public void V3_2_thinking_is_kept_where_the_template_keeps_it()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.2").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Hello!", "reasoning_content": "why"},
                    {"role": "user", "content": "again"},
                    {"role": "assistant", "content": "ok", "reasoning_content": "r2"}
                ]
                """),
            addGenerationPrompt: false,
            Chat.Options("""
                {"thinking": true}
                """));
        Assert.Equal(
            """
            <BOS><｜User｜>Hi<｜Assistant｜></think>Hello!<｜end▁of▁sentence｜><｜User｜>again<｜Assistant｜><think>r2</think>ok<｜end▁of▁sentence｜>
            """,
            text);
    }

    [SkippableFact]
    public void V3_2_tools_and_their_calls_are_written()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.2").Render(
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
            <BOS>## Tools

            You have access to a set of tools you can use to answer the user's question.
            You can invoke functions by writing a "<｜DSML｜function_calls>" block like the following as part of your reply to the user:
            <｜DSML｜function_calls>
            <｜DSML｜invoke name="$FUNCTION_NAME">
            <｜DSML｜parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</｜DSML｜parameter>
            ...
            </｜DSML｜invoke>
            <｜DSML｜invoke name="$FUNCTION_NAME2">
            ...
            </｜DSML｜invoke>
            </｜DSML｜function_calls>

            String and scalar parameters should be specified as is without any escaping or quotes, while lists and objects should use JSON format. The "string" attribute should be set to "true" for string type parameters and "false" for other types (numbers, booleans, arrays, objects).

            If the thinking_mode is enabled, then after function results you should strongly consider outputting a thinking block. Here is an example:

            <｜DSML｜function_calls>
            ...
            </｜DSML｜function_calls>

            <function_results>
            ...
            </function_results>

            <think>...thinking about results</think>

            Here are the functions available in JSONSchema format:
            <functions>
            {"name": "get_weather", "description": "Weather — now", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
            </functions>
            <｜User｜>Weather?<｜Assistant｜></think>

            <｜DSML｜function_calls>
            <｜DSML｜invoke name="get_weather">
            <｜DSML｜parameter name="city" string="true">Zürich</｜DSML｜parameter>
            <｜DSML｜parameter name="days" string="false">2</｜DSML｜parameter>
            </｜DSML｜invoke>
            </｜DSML｜function_calls><｜end▁of▁sentence｜>

            <function_results>
            <result>sunny</result>
            </function_results>

            </think>It is sunny.<｜end▁of▁sentence｜>
            """,
            text);
    }

    [SkippableFact]
    public void V3_2_several_calls_and_results_are_written()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V3.2").Render(
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
            <BOS><｜User｜>Weather?<｜Assistant｜></think>

            <｜DSML｜function_calls>
            <｜DSML｜invoke name="get_weather">
            <｜DSML｜parameter name="city" string="true">Bern</｜DSML｜parameter>
            <｜DSML｜parameter name="days" string="false">1</｜DSML｜parameter>
            </｜DSML｜invoke>
            <｜DSML｜invoke name="now">
            </｜DSML｜invoke>
            </｜DSML｜function_calls><｜end▁of▁sentence｜>

            <function_results>
            <result>rain</result>
            <result>12:00</result>
            </function_results>

            <think></think>
            """,
            text);
    }
}
