using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Hadal.Checkpoints;
using Hadal.Cli.Commands;
using Hadal.Data;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement.Tasks;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;
using Hadal.Training;

namespace Hadal.Cli;

/// <summary>The `hadal` command: exit code 0 when it worked, 1 when it failed, 2 when it was called wrongly.</summary>
internal static class CommandLine
{
    public const int Ok = 0, Failed = 1, BadUsage = 2;

    /// <summary>All verbs.</summary>
    public static RootCommand CreateRoot() => new("DeepSeek's recipe on the computer you already have.")
    {
        InfoCommand.Create(),
        ParityCommand.Create(),
        BenchCommand.Create(),
        TokenizeCommand.Create(),
        GenerateCommand.Create(),
        ChatCommand.Create(),
        EvalCommand.Create(),
        TrainCommand.Create(),
        CompareCommand.Create(),
        ConvertCommand.Create(),
        QuantizeCommand.Create(),
        ServeCommand.Create(),
        QuickstartCommand.Create(),
    };

    /// <summary>Runs what is asked for.</summary>
    public static int Run(string[] args)
    {
        RootCommand root = CreateRoot();
        if (args.Length == 0)
        {
            root.Parse("--help").Invoke();
            return BadUsage;
        }

        ParseResult parsed = root.Parse(args);
        IEnumerable<string> unknown = UnknownOptions(parsed).Select(option => $"Unrecognized option '{option}'.");
        string[] errors = [.. parsed.Errors.GroupBy(Symbol).Select(Sentence), .. unknown];
        if (errors.Length > 0)
        {
            PrintError($"{string.Join(' ', errors)} See 'hadal {Verb(parsed)}--help'.");
            return BadUsage;
        }

        try
        {
            _ = KernelSelection.Current;
            InvocationConfiguration configuration = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            if (parsed.Action is not AsynchronousCommandLineAction) return parsed.Invoke(configuration);
            using StopSignal stop = new();
            return parsed.InvokeAsync(configuration, stop.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("hadal: stopped.");
            return Failed;
        }
        catch (Exception e) when (IsUsersMistake(e))
        {
            PrintError(e.Message);
            return Failed;
        }
    }

    // What a wrong file, folder or setting can cause; anything else is a defect of ours and deserves its stack trace.
    private static bool IsUsersMistake(Exception e) => e is
        CheckpointException or ConfigurationException or TokenizerException or TemplateException or DataException or RecipeException or TrainingDivergedException or ProblemFileException
            or ContextLengthException or FormatException or IOException or UnauthorizedAccessException or OutOfMemoryException;

    // The parser takes an option that it doesn't know for an argument where one fits; after "--" it may be one.
    private static IEnumerable<string> UnknownOptions(ParseResult parsed) => parsed.Tokens.Any(token => token.Type == TokenType.DoubleDash)
        ? []
        : parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens)
            .Select(token => token.Value).Where(value => value.Length > 1 && value.StartsWith('-'));

    // One line, whatever a path or a file put into the message.
    private static void PrintError(string message) => Console.Error.WriteLine($"hadal: {PlainText.OneLine(message)}");

    private static SymbolResult? Symbol(ParseError error) => error.SymbolResult is ArgumentResult { Parent: OptionResult option } ? option : error.SymbolResult;

    // Of what is wrong with an option the last sentence is its own (OptionRules), and the parser's before it names types of .NET; a list of what
    // fits has lines.
    private static string Sentence(IGrouping<SymbolResult?, ParseError> errors)
    {
        IEnumerable<string> messages = errors.Select(error => error.Message);
        string message = errors.Key is OptionResult ? messages.Last() : string.Join(' ', messages);
        return string.Join(' ', message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    private static string Verb(ParseResult parsed)
    {
        string verbs = "";
        for (SymbolResult? result = parsed.CommandResult; result is CommandResult { Command: not RootCommand } command; result = command.Parent)
        {
            verbs = $"{command.Command.Name} {verbs}";
        }

        return verbs;
    }
}
