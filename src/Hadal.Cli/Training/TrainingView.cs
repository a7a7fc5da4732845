using Hadal.Training;
using Spectre.Console;

namespace Hadal.Cli.Training;

/// <summary>Chooses how a run is shown on standard error: live in a terminal, else in plain lines.</summary>
internal static class TrainingView
{
    /// <param name="plain">Whether plain lines are asked for; they are also without a terminal, and when NO_COLOR is set.</param>
    public static ITrainingObserver Create(bool plain)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        bool wantsPlain = plain || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        bool isLive = !wantsPlain && !Console.IsErrorRedirected && console.Profile.Capabilities.Ansi;
        return isLive ? new LiveTrainingView(console, TimeProvider.System) : new PlainTrainingView(Console.Error, TimeProvider.System);
    }
}
