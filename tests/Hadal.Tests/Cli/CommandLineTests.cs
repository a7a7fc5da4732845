using System.CommandLine;
using System.CommandLine.Help;
using Hadal.Tests.Checkpoints;

namespace Hadal.Tests.Cli;

/// <summary>How the program answers wrong calls, wrong files and wrong settings: an exit code and one line.</summary>
[Collection(ConsoleRun.Name)]
public sealed class CommandLineTests : IDisposable
{
    // What verbs miss first, before they look at other options.
    private static readonly Dictionary<string, string[]> s_valid = new()
    {
        ["parity"] = ["model", "expected"],
        ["generate"] = ["model", "--prompt", "text"],
        ["eval"] = ["model", "--task", "countdown"],
        ["decode"] = ["--shape", "small"],
        ["prefill"] = ["--shape", "small"],
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("nonsense")]
    [InlineData("--nonsense")]
    [InlineData("parity")]
    [InlineData("parity", "model")]
    [InlineData("parity", "model", "expected", "third")]
    [InlineData("parity", "model", "expected", "--nonsense")]
    [InlineData("parity", "model", "--grads", "grads")]
    [InlineData("parity", "model", "expected", "--grads")]
    [InlineData("parity", "model", "expected", "--tolerance", "much")]
    [InlineData("parity", "model", "expected", "--tolerance", "-1")]
    [InlineData("parity", "model", "expected", "--tolerance", "NaN")]
    [InlineData("parity", "model", "expected", "--grads-tolerance", "Infinity")]
    [InlineData("parity", "model", "expected", "--mla", "sideways")]
    [InlineData("parity", "model", "expected", "--mla", "7")]
    [InlineData("parity", "", "expected")]
    [InlineData("parity", "model", "--nonsense")]
    [InlineData("parity", "-n", "expected")]
    [InlineData("info", "--nonsense")]
    [InlineData("bench", "--nonsense")]
    public void A_wrong_call_is_exit_code_2_and_one_line_that_points_to_the_help(params string[] arguments) =>
        ConsoleRun.Run(arguments).RequireError(2, "--help'.");

    [Fact]
    public void Text_where_a_number_or_a_name_belongs_is_told_in_the_words_of_the_option()
    {
        int options = 0;
        Try(Hadal.Cli.CommandLine.CreateRoot(), []);
        Assert.InRange(options, 50, 500);

        void Try(Command command, string[] path)
        {
            foreach (Option option in command.Options.Where(option => option is not (HelpOption or VersionOption) && option.ValueType != typeof(bool)))
            {
                Type type = Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
                if (!type.IsPrimitive && !type.IsEnum) continue;
                string[] companions = option.Name == "--draft-tokens" ? ["--speculate", "lookup"] : [];
                HadalProcess run = ConsoleRun.Run([.. path, .. companions, .. s_valid.GetValueOrDefault(command.Name, []), option.Name, "x1x"]);
                run.RequireError(2, $"{option.Name} is 'x1x', expected ", $"'hadal {string.Concat(path.Select(verb => $"{verb} "))}--help'.");
                Assert.DoesNotContain("System.", run.Error, StringComparison.Ordinal);
                Assert.DoesNotContain("Hadal.", run.Error, StringComparison.Ordinal);
                options++;
            }

            foreach (Command verb in command.Subcommands) Try(verb, [.. path, verb.Name]);
        }
    }

    [Fact]
    public void Without_arguments_the_help_is_shown_and_the_exit_code_is_2()
    {
        HadalProcess run = ConsoleRun.Run();
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("parity", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void After_two_dashes_a_file_may_have_a_name_like_an_option() =>
        ConsoleRun.Run("info", "--", "--model").RequireError(1, Path.Combine("--model", "config.json"));

    [Fact]
    public void A_number_beyond_its_type_is_told_what_fits() => ConsoleRun.Run("generate", "model", "--prompt", "x", "--seed", "99999999999")
        .RequireError(2, "--seed is '99999999999', expected a whole number from -2147483648 to 2147483647.");

    [Fact]
    public void A_wrong_call_of_the_built_program_is_exit_code_2() => HadalProcess.Run("nonsense").RequireError(2, "nonsense", "See 'hadal --help'.");

    [Theory]
    [InlineData(new[] { "--help" }, new[] { "info", "parity", "bench" })]
    [InlineData(
        new[] { "parity", "--help" },
        new[] { "<model>", "<expected>", "--grads", "--decode", "--tolerance", "--grads-tolerance", "--mla", "--json" })]
    [InlineData(new[] { "info", "--help" }, new[] { "<model>", "--json" })]
    [InlineData(new[] { "bench", "--help" }, new[] { "--json" })]
    public void Help_names_every_verb_and_option(string[] arguments, string[] names)
    {
        HadalProcess run = HadalProcess.Run(arguments);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.All(names, name => Assert.Contains(name, run.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void A_model_that_is_not_there_is_exit_code_1_and_one_line() =>
        HadalProcess.Run("parity", _folder.At("nowhere"), "expected").RequireError(1, Path.Combine("nowhere", "config.json"), "is not there");

    [Fact]
    public void Files_that_cannot_be_used_are_exit_code_1_and_one_line()
    {
        string model = _folder.Copy(ParityCases.Fixture("qwen2-tiny"), "model"), weights = Path.Combine(model, "model.safetensors");
        string expected = Path.Combine(model, "expected.safetensors"), decode = Path.Combine(model, "decode.json"), nowhere = _folder.At("nowhere");
        ConsoleRun.Run("parity", model, nowhere).RequireError(1, nowhere, "there is no such file");
        ConsoleRun.Run("parity", model, model).RequireError(1, model, "could not be opened");
        ConsoleRun.Run("parity", model, decode).RequireError(1, decode, "the header's length is");
        ConsoleRun.Run("parity", model, "--decode", expected).RequireError(1, expected, "it is not JSON");
        ConsoleRun.Run("parity", model, "--decode", nowhere).RequireError(1, nowhere, "there is no such file");
        ConsoleRun.Run("parity", model, expected, "--grads", nowhere).RequireError(1, nowhere, "there is no such file");
        File.WriteAllText(Path.Combine(model, "grads.json"), "[");
        ConsoleRun.Run("parity", model, expected, "--grads", Path.Combine(model, "grads.safetensors")).RequireError(1, "grads.json", "mtp_lambda");
        EditedTensors.Change(weights, edited => edited.Tensors.Remove("model.norm.weight"));
        ConsoleRun.Run("parity", model, expected).RequireError(1, "there is no tensor 'model.norm.weight'");
        File.WriteAllText(weights, "text");
        ConsoleRun.Run("parity", model, expected).RequireError(1, weights, "the file has 4 bytes");
        ConsoleRun.Run("info", nowhere).RequireError(1, nowhere, "is not there");
    }

    [Fact]
    public void A_message_stays_on_one_line_whatever_a_file_or_a_path_has_in_it()
    {
        string model = _folder.Copy(ParityCases.Fixture("qwen2-tiny"), "model\n\u001b[31m"), config = Path.Combine(model, "config.json");
        string text = File.ReadAllText(config);
        File.WriteAllText(config, text.Replace("\"vocab_size\": 320", "\"vocab_size\": [\n1,\n2]", StringComparison.Ordinal));
        ConsoleRun.Run("parity", model, "expected").RequireError(1, @"model\u000a\u001b[31m", "[ 1, 2], expected a positive integer");
    }

    [Theory]
    [InlineData("parity", "model", "expected")]
    [InlineData("info")]
    public void Kernels_that_there_are_none_of_are_exit_code_1_and_one_line(params string[] arguments) =>
        HadalProcess.Run([("HADAL_KERNELS", "nonsense")], arguments).RequireError(1, "HADAL_KERNELS is 'nonsense', expected 'reference', 'managed' or 'generated'.");
}
