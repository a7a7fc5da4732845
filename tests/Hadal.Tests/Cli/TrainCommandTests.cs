using System.Diagnostics;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Training.Runs;

namespace Hadal.Tests.Cli;

/// <summary>`hadal train` as a process: what it prints, and that killing it at any moment loses nothing but time.</summary>
public sealed class TrainCommandTests
{
    [SkippableFact]
    public void The_first_interrupt_saves_a_state_to_go_on_from()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "sends signals with kill");
        Skip.If(IgnoresInterrupts(), "whoever began these tests lets no interrupts through, and a process passes that on");
        using TemporaryFolder folder = new();
        string recipe = TinyRun.Write(folder, "steps=100000", "evaluation.every=0");
        using Process process = HadalProcess.Start("train", recipe, "--plain");
        Task<string> rest = Task.FromResult("");
        while (process.StandardError.ReadLine() is { } line)
        {
            if (!line.StartsWith("step=", StringComparison.Ordinal)) continue;
            using Process kill = Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            rest = process.StandardError.ReadToEndAsync();
            break;
        }

        string error = rest.GetAwaiter().GetResult();
        process.WaitForExit();
        Assert.Equal(1, process.ExitCode);
        Assert.Contains("to be resumed", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Killed_twenty_times_it_ends_with_the_bits_of_a_run_never_killed()
    {
        string[] settings = ["steps=150", "checkpoints.every=3", "evaluation.every=40"];
        using TemporaryFolder whole = new(), killed = new();
        string expected = TinyRun.Write(whole, settings), recipe = TinyRun.Write(killed, settings);
        File.Copy(Path.Combine(whole.Path, "text.txt"), Path.Combine(killed.Path, "text.txt"), overwrite: true);
        Stopwatch watch = Stopwatch.StartNew();
        Assert.Equal(0, HadalProcess.Run("train", expected, "--plain").ExitCode);
        TimeSpan uninterrupted = watch.Elapsed;

        Random random = new(7);
        int resumed = 0;
        for (int kill = 0; kill < 20; kill++)
        {
            using Process process = HadalProcess.Start("train", recipe, "--plain", "--resume");
            if (!process.WaitForExit((int)(random.NextDouble() * 0.8 * uninterrupted.TotalMilliseconds))) process.Kill();
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.False(error.Contains("hadal:", StringComparison.Ordinal), error);
            if (error.Contains("resumed after step", StringComparison.Ordinal)) resumed++;
        }

        // Beginning again each time would end with the same bits too.
        Assert.True(resumed > 0, "no run went on from a saved state");

        HadalProcess last = HadalProcess.Run("train", recipe, "--plain", "--resume");
        Assert.True(last.ExitCode == 0, last.Error);
        Assert.Equal(Weights(whole), Weights(killed));
    }

    [Fact]
    public void A_recipe_that_is_not_there_is_one_line() =>
        HadalProcess.Run("train", "no-such-recipe.json").RequireError(1, "no-such-recipe.json");

    [Fact]
    public void Data_that_are_not_there_are_one_line()
    {
        using TemporaryFolder folder = new();
        string recipe = TinyRun.Write(folder);
        File.Delete(Path.Combine(folder.Path, "text.txt"));
        HadalProcess run = HadalProcess.Run("train", recipe, "--plain");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("text.txt: there is no such file", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    // The signals that a process ignores are a mask in hexadecimal, that of the interrupt (2) its second bit.
    private static bool IgnoresInterrupts()
    {
        string mask = File.ReadLines("/proc/self/status").First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))["SigIgn:".Length..];
        return (Convert.ToUInt64(mask.Trim(), 16) & 2) != 0;
    }

    private static byte[] Weights(TemporaryFolder folder) => File.ReadAllBytes(Path.Combine(folder.Path, "run", "model", "model.safetensors"));
}
