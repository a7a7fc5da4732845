using System.CommandLine;
using Hadal.Cli.Chat;
using Hadal.Inference;
using Hadal.Inference.Chat;
using Hadal.Numerics;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;

namespace Hadal.Cli.Commands;

/// <summary>`hadal chat`: a conversation in the terminal, or with a program that writes one line a turn.</summary>
internal static class ChatCommand
{
    public static Command Create()
    {
        Argument<string> model = LoadedModel.PathArgument();
        Option<ElementType?> type = LoadedModel.TypeOption();
        Option<ProductPrecision?> precision = PrecisionOption.Create();
        Option<string?> template = new("--template") { Description = "Chat template in Jinja, instead of the model's own." };
        Option<string?> system = new("--system") { Description = "What the system says first." };
        SamplingArguments sampling = new(temperature: 0.7f, topP: 0.95f);
        Option<long?> seed = new("--seed") { Description = "The same seed draws the same answers to the same words; a random one by default." };
        Option<int?> maxTokens = new("--max-tokens") { Description = "Most tokens of an answer, thoughts included; what the context leaves by default." };
        maxTokens.RequireAtLeast(1);
        seed.RequireInteger();
        Command command = new("chat", "Talk with a model.") { model, template, system, seed, maxTokens, type, precision };
        sampling.AddTo(command);
        // Not asynchronous, so that Ctrl-C is this verb's own: it stops an answer and not the program.
        command.SetAction(parsed =>
        {
            using LoadedModel loaded = new(parsed.GetRequiredValue(model), parsed.GetValue(type));
            SamplingOptions drawn = sampling.Read(parsed, parsed.GetValue(seed) ?? Random.Shared.NextInt64());
            EngineOptions options = new() { MaxRunning = 2, Precision = parsed.GetValue(precision) };
            return Run(loaded, options, parsed.GetValue(template), parsed.GetValue(system), new ChatSettings(drawn, parsed.GetValue(maxTokens)));
        });
        return command;
    }

    private static int Run(LoadedModel loaded, EngineOptions options, string? templateFile, string? system, ChatSettings settings)
    {
        ChatTemplate template = loaded.Template(templateFile) ?? throw new TokenizerException(
            loaded.Path, "it has no chat template, expected one: give one with --template FILE, or continue plain text with 'hadal generate'");
        using InferenceEngine engine = new(loaded.Model, loaded.Tokenizer, options);
        ChatScreen screen = ChatScreen.OfConsole();
        bool isTerminal = !Console.IsInputRedirected;
        using Interrupts interrupts = new(() =>
        {
            screen.Note("\n(Ctrl-C again, or Ctrl-D, leaves)");
            screen.Prompt("> ");
        });
        if (isTerminal) screen.Note($"{loaded.Name}: /help lists commands.");
        ChatLoop loop = new(new ChatModel(engine, template), new Conversation { System = system }, settings, screen, interrupts);
        LineInput input = new(Console.In, isTerminal, isTerminal ? screen.Prompt : _ => { });
        return loop.RunAsync(input).GetAwaiter().GetResult();
    }
}
