namespace Hadal.Tests.Tokenization.Templates;

/// <summary>
/// The templates of Llama: the expected texts follow from reading them, and are what Jinja2 3.1.6 prints, set up as Hugging Face does.
/// </summary>
public sealed class LlamaTemplateTests
{
    [SkippableFact]
    public void Llama_3_1_one_user_turn_asks_for_the_answer()
    {
        string text = TemplateFiles.Require("meta-llama-Llama-3.1-8B-Instruct").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options());
        Assert.Equal(
            """
            <BOS><|start_header_id|>system<|end_header_id|>

            Cutting Knowledge Date: December 2023
            Today Date: 26 Jul 2024

            <|eot_id|><|start_header_id|>user<|end_header_id|>

            Hello<|eot_id|><|start_header_id|>assistant<|end_header_id|>


            """,
            text);
    }

    [SkippableFact]
    public void Llama_3_1_a_conversation_keeps_its_turns()
    {
        string text = TemplateFiles.Require("meta-llama-Llama-3.1-8B-Instruct").Render(
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
            <BOS><|start_header_id|>system<|end_header_id|>

            Cutting Knowledge Date: December 2023
            Today Date: 26 Jul 2024

            Be brief.<|eot_id|><|start_header_id|>user<|end_header_id|>

            Hi<|eot_id|><|start_header_id|>assistant<|end_header_id|>

            Hello!<|eot_id|><|start_header_id|>user<|end_header_id|>

            Bye<|eot_id|><|start_header_id|>assistant<|end_header_id|>


            """,
            text);
    }

    [SkippableFact]
    public void Llama_3_1_tools_and_their_calls_are_written()
    {
        string text = TemplateFiles.Require("meta-llama-Llama-3.1-8B-Instruct").Render(
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
            <BOS><|start_header_id|>system<|end_header_id|>

            Environment: ipython
            Cutting Knowledge Date: December 2023
            Today Date: 26 Jul 2024

            <|eot_id|><|start_header_id|>user<|end_header_id|>

            Given the following functions, please respond with a JSON for a function call with its proper arguments that best answers the given prompt.

            Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}.Do not use variables.

            {
                "type": "function",
                "function": {
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
            }

            Weather?<|eot_id|><|start_header_id|>assistant<|end_header_id|>

            {"name": "get_weather", "parameters": {"city": "Zürich", "days": 2}}<|eot_id|><|start_header_id|>ipython<|end_header_id|>

            "sunny"<|eot_id|><|start_header_id|>assistant<|end_header_id|>

            It is sunny.<|eot_id|>
            """,
            text);
    }

    [SkippableFact]
    public void Llama_3_1_tools_can_stand_in_the_system_message()
    {
        string text = TemplateFiles.Require("meta-llama-Llama-3.1-8B-Instruct").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "Hello"}
                ]
                """),
            addGenerationPrompt: true,
            Chat.Options("""
                {"tools": [{"type": "function", "function": {"name": "get_weather", "description": "Weather — now", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}], "tools_in_user_message": false, "date_string": "1 Jan 2025"}
                """));
        Assert.Equal(
            """
            <BOS><|start_header_id|>system<|end_header_id|>

            Environment: ipython
            Cutting Knowledge Date: December 2023
            Today Date: 1 Jan 2025

            You have access to the following functions. To call a function, please respond with JSON for a function call.Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}.Do not use variables.

            {
                "type": "function",
                "function": {
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
            }

            <|eot_id|><|start_header_id|>user<|end_header_id|>

            Hello<|eot_id|><|start_header_id|>assistant<|end_header_id|>


            """,
            text);
    }

    [SkippableFact]
    public void Llama_3_1_a_builtin_tool_is_called_as_python()
    {
        string text = TemplateFiles.Require("meta-llama-Llama-3.1-8B-Instruct").Render(
            Chat.Messages("""
                [
                    {"role": "user", "content": "w"},
                    {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Bern"}}}]}
                ]
                """),
            addGenerationPrompt: false,
            Chat.Options("""
                {"builtin_tools": ["get_weather", "code_interpreter"]}
                """));
        Assert.Equal(
            """
            <BOS><|start_header_id|>system<|end_header_id|>

            Environment: ipython
            Tools: get_weather

            Cutting Knowledge Date: December 2023
            Today Date: 26 Jul 2024

            <|eot_id|><|start_header_id|>user<|end_header_id|>

            w<|eot_id|><|start_header_id|>assistant<|end_header_id|>

            <|python_tag|>get_weather.call(city="Bern")<|eom_id|>
            """,
            text);
    }
}
