using System.Diagnostics;

namespace Hadal.Tests.Cli;

/// <summary>What a run of the built `hadal` program left: its exit code and its two outputs.</summary>
internal sealed record HadalProcess(int ExitCode, string Output, string EverythingElse)
{
    /// <summary>
    /// Standard error without the lines that say how far long work has come: on a busy machine short work is long too.
    /// </summary>
    public string Error { get; } = string.Join('\n', EverythingElse.Split('\n').Where(line => !line.EndsWith(" s left", StringComparison.Ordinal)));

    /// <summary>Runs the program in a process of its own.</summary>
    public static HadalProcess Run(params string[] arguments) => Run([], arguments);

    /// <summary>Runs the program with environment variables.</summary>
    public static HadalProcess Run((string Name, string Value)[] environment, params string[] arguments) => Run(environment, null, arguments);

    /// <summary>Runs the program with something to read from its standard input.</summary>
    public static HadalProcess RunWithInput(string input, params string[] arguments) => Run([], input, arguments);

    private static HadalProcess Run((string Name, string Value)[] environment, string? input, string[] arguments)
    {
        using Process process = Start(environment, arguments, input is not null);
        if (input is not null)
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }

        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new HadalProcess(process.ExitCode, output, error.GetAwaiter().GetResult());
    }

    /// <summary>Starts the program, for tests that don't wait for its end.</summary>
    public static Process Start(params string[] arguments) => Start([], arguments, hasInput: false);

    private static Process Start((string Name, string Value)[] environment, string[] arguments, bool hasInput)
    {
        ProcessStartInfo start = new(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardInput = hasInput,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Hadal.Cli.dll"));
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        start.Environment.Remove("HADAL_KERNELS");
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Requires a failure that is one line on standard error and nothing on standard output.</summary>
    public void RequireError(int exitCode, params string[] parts)
    {
        Assert.Equal((exitCode, ""), (ExitCode, Output));
        Assert.StartsWith("hadal: ", Error, StringComparison.Ordinal);
        Assert.Equal(Error.Length - 1, Error.IndexOf('\n', StringComparison.Ordinal));
        Assert.DoesNotContain(Error.TrimEnd(), char.IsControl);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        Assert.All(parts, part => Assert.Contains(part, Error, StringComparison.Ordinal));
    }
}
