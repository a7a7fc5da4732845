using Hadal.Cli;

namespace Hadal.Tests.Cli;

/// <summary>Runs a command inside the test process, with the console's outputs taken over. Tests that do so run one after the other.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ConsoleRun
{
    public const string Name = "console";

    internal static HadalProcess Run(params string[] arguments)
    {
        (TextWriter output, TextWriter error) = (Console.Out, Console.Error);
        using StringWriter newOutput = new(), newError = new();
        Console.SetOut(newOutput);
        Console.SetError(newError);
        try
        {
            return new HadalProcess(CommandLine.Run(arguments), newOutput.ToString(), newError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
