namespace Hadal.Tests.Tokenization.Templates;

/// <summary>
/// The templates of DeepSeekV4: the expected texts follow from reading them, and are what Jinja2 3.1.6 prints, set up as Hugging Face does.
/// </summary>
public sealed class DeepSeekV4TemplateTests
{
    [SkippableFact]
    public void V4_one_user_turn_asks_for_the_answer()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V4").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><｜User｜>Hello<｜Assistant｜></think>
            """,
            text);
    }

    [SkippableFact]
    public void V4_a_conversation_keeps_its_turns()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V4").Render(
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
            <BOS>Be brief.<｜User｜>Hi<｜Assistant｜></think>Hello!<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜></think>
            """,
            text);
    }

    [SkippableFact]
    public void V4_a_thinking_prompt_opens_the_thinking()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V4").Render(
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
    public void V4_thinking_is_kept_where_the_template_keeps_it()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V4").Render(
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
    public void V4_tools_and_their_calls_are_written()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V4").Render(
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

            You have access to a set of tools to help answer the user's question. You can invoke tools by writing a "<｜DSML｜tool_calls>" block like the following:

            <｜DSML｜tool_calls>
            <｜DSML｜invoke name="$TOOL_NAME">
            <｜DSML｜parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</｜DSML｜parameter>
            ...
            </｜DSML｜invoke>
            <｜DSML｜invoke name="$TOOL_NAME2">
            ...
            </｜DSML｜invoke>
            </｜DSML｜tool_calls>

            String parameters should be specified as is and set `string="true"`. For all other types (numbers, booleans, arrays, objects), pass the value in JSON format and set `string="false"`.

            If thinking_mode is enabled (triggered by <think>), you MUST output your complete reasoning inside <think>...</think> BEFORE any tool calls or final response.

            Otherwise, output directly after </think> with tool calls or final response.

            ### Available Tool Schemas

            {"name": "get_weather", "description": "Weather — now", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}

            You MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.
            <｜User｜>Weather?<｜Assistant｜></think>

            <｜DSML｜tool_calls>
            <｜DSML｜invoke name="get_weather">
            <｜DSML｜parameter name="city" string="true">Zürich</｜DSML｜parameter>
            <｜DSML｜parameter name="days" string="false">2</｜DSML｜parameter>
            </｜DSML｜invoke>
            </｜DSML｜tool_calls><｜end▁of▁sentence｜><｜User｜><tool_result>sunny</tool_result><｜Assistant｜></think>It is sunny.<｜end▁of▁sentence｜>
            """,
            text);
    }

    [SkippableFact]
    public void V4_the_highest_effort_is_asked_for()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V4").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options("""
                {"thinking": true, "reasoning_effort": "max"}
                """));
        Assert.Equal(
            """
            <BOS>Reasoning Effort: Absolute maximum with no shortcuts permitted.
            You MUST be very thorough in your thinking and comprehensively decompose the problem to resolve the root cause, rigorously stress-testing your logic against all potential paths, edge cases, and adversarial scenarios.
            Explicitly write out your entire deliberation process, documenting every intermediate step, considered alternative, and rejected hypothesis to ensure absolutely no assumption is left unchecked.

            <｜User｜>Hello<｜Assistant｜><think>
            """,
            text);
    }

    [SkippableFact]
    public void V4_Flash_one_user_turn_asks_for_the_answer()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V4-Flash-0731").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><｜User｜>Hello<｜Assistant｜></think>
            """,
            text);
    }

    [SkippableFact]
    public void V4_Flash_a_conversation_keeps_its_turns()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V4-Flash-0731").Render(
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
            <BOS>Be brief.<｜User｜>Hi<｜Assistant｜></think>Hello!<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜></think>
            """,
            text);
    }

    [SkippableFact]
    public void V4_Flash_a_thinking_prompt_opens_the_thinking()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V4-Flash-0731").Render(
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
    public void V4_Flash_thinking_is_kept_where_the_template_keeps_it()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V4-Flash-0731").Render(
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
    public void V4_Flash_high_effort_is_asked_for()
    {
        string text = TemplateFiles.Require("deepseek-ai-DeepSeek-V4-Flash-0731").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options("""
                {"thinking": true, "reasoning_effort": "high"}
                """));
        Assert.Equal(
            """
            <BOS>Reasoning Effort: Absolute maximum with no shortcuts permitted.
            You MUST be very thorough in your thinking and comprehensively decompose the problem to resolve the root cause, rigorously stress-testing your logic against all potential paths, edge cases, and adversarial scenarios.
            Explicitly write out your entire deliberation process, documenting every intermediate step, considered alternative, and rejected hypothesis to ensure absolutely no assumption is left unchecked.

            <｜User｜>Hello<｜Assistant｜><think>
            """,
            text);
    }
}
