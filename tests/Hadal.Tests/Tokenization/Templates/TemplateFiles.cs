using Hadal.Tokenization.Templates;

namespace Hadal.Tests.Tokenization.Templates;

/// <summary>
/// Real chat templates: some among the fixtures, the others in a folder <c>shared/data/llamacpp-templates</c> beside the repository. Tests
/// that need one that is missing are skipped.
/// </summary>
internal static class TemplateFiles
{
    private static readonly string _fixtures = Path.Combine(AppContext.BaseDirectory, "Fixtures", "templates");

    private static readonly string? _shared = SharedFolder.Find("data", "llamacpp-templates");

    /// <summary>All templates that are there.</summary>
    public static IReadOnlyList<string> Sources { get; } =
    [
        .. new[] { _fixtures, _shared }.OfType<string>()
            .SelectMany(folder => Directory.GetFiles(folder, "*.jinja"))
            .DistinctBy(Path.GetFileName)
            .Order(StringComparer.Ordinal)
            .Select(File.ReadAllText),
    ];

    /// <summary>Reads a template; skips the calling test (a <c>SkippableFact</c>) if it is missing.</summary>
    public static ChatTemplate Require(string name)
    {
        string fixture = Path.Combine(_fixtures, name + ".jinja");
        string? path = File.Exists(fixture) ? fixture : _shared is null ? null : Path.Combine(_shared, name + ".jinja");
        Skip.If(path is null, "no folder shared/data/llamacpp-templates beside the repository");
        Skip.IfNot(File.Exists(path), $"no {name}.jinja in {_shared}");
        return ChatTemplate.Parse(File.ReadAllText(path!), name);
    }
}
